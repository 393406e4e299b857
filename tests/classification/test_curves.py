import numpy as np
import tensorflow as tf

from rbc_tf.classification import curves
from tests import builders


def _written(folder):
    return {
        value.tag: (step, tf.make_ndarray(value.tensor), value.metadata)
        for step, value in builders.summaries(folder)
    }


def _write(folder, labels, probabilities):
    with tf.summary.create_file_writer(str(folder)).as_default():
        curves.write_pr_curve("types/Oval", np.array(labels, np.int8), probabilities, 7, "*why*")


def test_curve_counts_known_patches_at_each_threshold(tmp_path):
    probabilities = np.array([0.9, 0.8, 0.3, 0.0, 0.99], np.float32)
    _write(tmp_path, [1, 0, 1, 0, -1], probabilities)
    step, curve, metadata = _written(tmp_path)["types/Oval/pr_curves"]
    assert (step, metadata.plugin_data.plugin_name) == (7, "pr_curves")
    assert metadata.summary_description == "*why*"
    # Rows: true positives, false positives, true negatives, false negatives, precision, recall.
    # 501 thresholds: place 425 is 0.85, where 0.9 alone is left, the unknown 0.99 not counted.
    np.testing.assert_allclose(curve[:, 425], [1, 0, 2, 1, 1, 0.5], rtol=1e-6)
    np.testing.assert_allclose(curve[:, 250], [1, 1, 1, 1, 0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(curve[:, 0], [2, 2, 0, 0, 0.5, 1], rtol=1e-6)


def test_without_a_patch_of_the_type_there_is_no_curve(tmp_path):
    _write(tmp_path, [0, -1, 0], np.array([0.1, 0.9, 0.2]))
    assert "types/Oval/pr_curves" not in _written(tmp_path)
