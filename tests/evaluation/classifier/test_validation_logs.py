"""Scores on validation for TensorBoard, read back as TensorBoard reads them."""

import numpy as np

from rbc_tf.evaluation.classifier import validation_logs
from rbc_tf.metrics.classified import ClassifiedRegions
from rbc_tf.metrics.region_scores import score_regions
from tests import builders


def _regions():
    return ClassifiedRegions(
        names=("Oval", "Elon"),
        labels=np.array([[1, 0], [0, 0], [1, 0], [0, -1]], np.int8),
        num_cells=np.ones(4, int),
        groups=np.array(["g"] * 4),
        probabilities=np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.6], [0.1, 0.9]], np.float32),
        thresholds=np.array([0.5, 0.7]),
        outputs=np.zeros((4, 2), np.float32),
    )


def test_types_are_scored_in_curves_and_a_table(tmp_path):
    found = builders.summaries_of(tmp_path, validation_logs.write_types, _regions(), "validation")
    # No patch has Elon: a row, but no curve.
    curves = [tag for plugin, tag in found if plugin == "pr_curves"]
    assert curves == ["types/Oval/pr_curves"]
    about = found["pr_curves", "types/Oval/pr_curves"].metadata.summary_description
    assert "2 of 4 validation patches have it: guessing has precision 0.500" in about
    assert "At its threshold, 0.500, precision is 0.500 and recall 0.500" in about
    rows = builders.text_of(found["text", "types"]).splitlines()
    assert rows[2].startswith(
        "| type | do not have it | have it | threshold | AUC | average precision | recall |"
    )
    assert any(row.startswith("| Oval | 2 | 2 | 0.500 | 0.750 | 0.833 | 0.500 |") for row in rows)
    assert any(row.startswith("| Elon | 3 | 0 | 0.700 | - | - | - | - |") for row in rows)


def test_every_score_of_complete_regions_is_a_scalar(tmp_path):
    complete = _regions().select(np.array([True, True, True, False]))
    found = builders.summaries_of(tmp_path, validation_logs.write_regions, complete, "validation")
    scalars = {tag for plugin, tag in found if plugin == "scalars"}
    expected = {
        "/".join([score.name, *score.of.values()])
        for score in score_regions(complete)
        if score.value is not None
    }
    assert scalars == expected
    assert {"exact_match/all", "auc/Oval/all", "jaccard_index/all"} <= scalars
