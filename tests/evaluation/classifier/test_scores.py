import numpy as np
import pytest
from sklearn import metrics

from rbc_tf.core import text_table
from rbc_tf.evaluation.classifier import tables as classification_table
from rbc_tf.evaluation.classifier.scores import ClassifiedRegions, score_classification
from rbc_tf.metrics.best_type import best_is_right

ABNORMAL = np.array([False, True])


def regions(outputs, labels, num_cells, groups=None, probabilities=None):
    outputs = np.array(outputs, np.float32)
    return ClassifiedRegions(
        outputs=outputs,
        probabilities=outputs if probabilities is None else np.array(probabilities, np.float32),
        abnormal=outputs[:, 1].astype(np.float64),
        labels=np.array(labels, np.int8),
        num_cells=np.array(num_cells),
        groups=np.array(groups or ["a", "b"] * len(outputs))[: len(outputs)],
    )


FOUR = regions(
    outputs=[[0.9, 0.1], [0.4, 0.3], [0.7, 0.6], [0.2, 0.8]],
    probabilities=[[0.9, 0.1], [0.4, 0.2], [0.6, 0.4], [0.2, 0.8]],
    labels=[[1, 0], [0, 1], [1, 1], [1, 0]],
    num_cells=[1, 1, 2, 1],
)


def test_scores_by_hand():
    scores = score_classification(FOUR, ABNORMAL, np.array([0.5, 0.3]), num_resamples=50)
    # Thresholds 0.5 and 0.3 on the calibrated: {0}, {}, {0, 1}, {1}: right in rows 0 and 2.
    # At 0.5 on the outputs: {0}, {}, {0, 1}, {1}: the same.
    everything = scores.subsets["all"]
    assert (everything.exact_match.value, everything.exact_match_plain.value) == (0.5, 0.5)
    # The best type is 0, 0, 0, 1; true are 0; 1; 0 and 1; 0.
    assert everything.best_type.value == 0.5
    assert scores.subsets["single_cell"].num_regions == 3
    assert scores.subsets["single_cell"].best_type.value == pytest.approx(1 / 3)
    for name in ("multi_cell", "several_types"):
        assert scores.subsets[name].num_regions == 1
        assert scores.subsets[name].exact_match.value == 1
    # Abnormal are rows 1 and 2, with 0.3 and 0.6; rows 0 and 3 have 0.1 and 0.8.
    assert scores.abnormality.accuracy == 0.5
    assert scores.abnormality.sensitivity == scores.abnormality.specificity == 0.5
    assert scores.abnormality.auc == 0.5
    assert scores.num_groups == 2
    # Type 1: the outputs 0.1 (absent), 0.3, 0.6 (present), 0.8 (absent), each in a bin of its own.
    assert scores.ece_before[1] == pytest.approx((0.1 + 0.7 + 0.4 + 0.8) / 4)
    assert scores.ece_after[1] == pytest.approx((0.1 + 0.8 + 0.6 + 0.8) / 4)


def test_thresholds_apply_to_calibrated_probabilities_and_half_to_outputs():
    tuned = score_classification(FOUR, ABNORMAL, np.array([0.5, 0.5]), num_resamples=10)
    # The calibrated 0.4 of row 2 is no longer above: right in row 0 alone.
    assert tuned.subsets["all"].exact_match.value == 0.25
    assert tuned.subsets["all"].exact_match_plain.value == 0.5


def test_intervals_hold_whole_groups():
    # Group a is all right, group b all wrong: a resample of two groups has 0, 1/2 or 1.
    found = score_classification(
        regions([[0.9, 0.1]] * 40, [[1, 0], [0, 1]] * 20, [1] * 40), ABNORMAL, np.array([0.5, 0.5])
    )
    assert found.subsets["all"].exact_match.value == 0.5
    assert found.subsets["all"].exact_match.interval == (0, 1)


def test_subset_without_regions_has_no_score():
    found = score_classification(
        regions([[0.9, 0.1]] * 4, [[1, 0]] * 4, [1] * 4), ABNORMAL, np.array([0.5, 0.5])
    )
    assert found.subsets["multi_cell"].num_regions == 0
    assert found.subsets["multi_cell"].exact_match.value is None
    tables = classification_table.tables(found, ("x", "y"), np.array([0.5, 0.25]), "test")
    text = "\n".join(map(text_table.console, tables))
    multi = next(line for line in text.splitlines() if line.startswith("multi-cell"))
    assert multi.split() == ["multi-cell", "0", "-", "-", "-"]
    assert "0 of 4 regions" in text


def test_nothing_to_score_is_refused():
    empty = regions(np.zeros((0, 2)), np.zeros((0, 2)), [])
    with pytest.raises(ValueError, match="completely labelled region"):
        score_classification(empty, ABNORMAL, np.array([0.5, 0.5]))


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_of_the_best_type_is_scikit_learns_on_single_labels(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, 50)
    labels = np.eye(4, dtype=np.int8)[truth]
    probabilities = np.round(rng.random((50, 4)), 1)  # with ties
    found = best_is_right(probabilities, labels).mean()
    assert found == metrics.accuracy_score(truth, probabilities.argmax(axis=1))
