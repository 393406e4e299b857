import dataclasses

import numpy as np
import pytest

from rbc_tf.core import score as score_lib
from rbc_tf.evaluation.baselines.scores import ComparedRegions, score_baselines
from rbc_tf.metrics import intervals, region_scores
from rbc_tf.metrics.classified import MULTI_CELL, SEVERAL_TYPES, SINGLE_CELL

# Six regions of three groups, two types. Cells: 1, 1, 2, 2, 3, 2.
LABELS = np.array([[1, 0], [0, 1], [1, 1], [1, 0], [1, 1], [0, 1]], np.int8)
CELLS = np.array([1, 1, 2, 2, 3, 2])
PREDICTED_BY_A = LABELS == 1
PREDICTED_BY_B = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [1, 1], [0, 0]], bool)


def compared(**changes):
    regions = ComparedRegions(
        names=("Oval", "Stom"),
        images=np.array(list("aabbcc")),
        groups=np.array(list("xxyyzz")),
        boxes=np.zeros((6, 4), np.float32),
        labels=LABELS,
        num_cells=CELLS,
        found={"cut": np.array([1, 2, 2, 1, 5, 3])},
        apart={"cut": np.array([1, 0, 2, 0, 2, 2])},
        predicted={"A": PREDICTED_BY_A, "B": PREDICTED_BY_B},
    )
    return dataclasses.replace(regions, **changes)


def one(scores, name, subset, **of):
    return score_lib.one(scores, name, subset=subset, **of)


def counted(scores, name, subset, **of):
    """How many of how many."""
    score = one(scores, name, subset, **of)
    return round(score.value * score.support), score.support


def test_numbers_of_cells_by_hand():
    scores = score_baselines(compared(), "A", num_resamples=50)
    regions = {s.of["subset"]: s.value for s in score_lib.select(scores, "num_regions")}
    assert regions == {"all": 6, SINGLE_CELL: 2, MULTI_CELL: 4, SEVERAL_TYPES: 2}
    assert one(scores, "num_groups", "all").value == 3
    names = ("exact", "one_more", "one_fewer", "other")
    found = [counted(scores, name, SINGLE_CELL, method="cut") for name in names]
    assert found == [(1, 2), (1, 2), (0, 2), (0, 2)]
    # Found 2, 1, 5, 3 of 2, 2, 3, 2 cells.
    found = [counted(scores, name, MULTI_CELL, method="cut") for name in names]
    assert found == [(1, 4)] * 4
    # 2 + 0 + 2 + 2 of 2 + 2 + 3 + 2 cells have a segment of their own.
    assert counted(scores, "cells_apart", MULTI_CELL, method="cut") == (6, 9)


def test_exact_match_and_its_differences_by_hand():
    scores = score_baselines(compared(), "A", num_resamples=50)
    subsets = (SINGLE_CELL, MULTI_CELL, SEVERAL_TYPES)
    of_a = [one(scores, "exact_match", subset, classifier="A").value for subset in subsets]
    assert of_a == [1, 1, 1]
    # B is right on the first, fourth and fifth region.
    right = [counted(scores, "exact_match", subset, classifier="B") for subset in subsets]
    assert right == [(1, 2), (2, 4), (1, 2)]
    assert one(scores, "exact_match", MULTI_CELL, classifier="A - B").value == 0.5


def test_a_share_of_0_or_1_has_wilsons_interval():
    scores = score_baselines(compared(), "A", num_resamples=50)
    exact = one(scores, "exact_match", MULTI_CELL, classifier="A")
    assert exact.interval == intervals.wilson(2, 2)  # four regions of two groups
    assert one(scores, "other", SINGLE_CELL, method="cut").interval == intervals.wilson(0, 1)


def test_no_region_of_a_subset():
    single = compared(num_cells=np.ones(6, int))
    scores = score_baselines(single, "A", num_resamples=20)
    for name, of in (
        ("exact_match", {"classifier": "B"}),
        ("exact_match", {"classifier": "A - B"}),
        ("cells_apart", {"method": "cut"}),
    ):
        score = one(scores, name, MULTI_CELL, **of)
        assert (score.value, score.interval, score.support) == (None, None, 0)


def test_each_score_stands_once_and_registered_ones_stand_there(monkeypatch):
    def none_predicted(regions):
        return ~regions.predicted.any(axis=1)

    monkeypatch.setitem(region_scores.REGION_SCORES, "none_predicted", none_predicted)
    scores = score_baselines(compared(), "A", num_resamples=20)
    keys = [(score.name, *sorted(score.of.items())) for score in scores]
    assert len(set(keys)) == len(keys)
    assert counted(scores, "none_predicted", "all", classifier="B") == (1, 6)
    # B predicts the second type for two regions, of which one has it, of four in all.
    recall = one(scores, "recall", "all", classifier="B", type="Stom")
    assert (recall.value, recall.support) == (0.25, 4)


def random_regions(seed, rows=60, groups=7):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, (rows, 3)).astype(np.int8)
    cells = generator.integers(1, 4, rows)
    return ComparedRegions(
        names=("a", "b", "c"),
        images=np.array(["i"] * rows),
        groups=generator.integers(0, groups, rows).astype(str),
        boxes=np.zeros((rows, 4), np.float32),
        labels=labels,
        num_cells=cells,
        found={"cut": generator.integers(1, 4, rows)},
        apart={"cut": generator.integers(0, cells + 1)},
        predicted={name: generator.random((rows, 3)) < 0.8 * labels + 0.1 for name in ("A", "B")},
    )


@pytest.mark.parametrize("seed", range(3))
def test_intervals_are_those_of_copied_rows(seed):
    """The same draws of groups, with the rows of each really copied."""
    regions = random_regions(seed)
    scores = score_baselines(regions, "A", num_resamples=200, seed=seed)
    names = np.unique(regions.groups)
    draws = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=200
    )
    right = {n: (s == (regions.labels == 1)).all(axis=1) for n, s in regions.predicted.items()}
    values = {"exact": [], "apart": [], "gain": []}
    for times in draws:
        rows = np.concatenate(
            [
                np.flatnonzero((regions.groups == name) & (regions.num_cells > 1))
                for name, count in zip(names, times, strict=True)
                for _ in range(count)
            ]
        )
        values["exact"].append((regions.found["cut"] == regions.num_cells)[rows].mean())
        values["apart"].append(regions.apart["cut"][rows].sum() / regions.num_cells[rows].sum())
        values["gain"].append(right["A"][rows].mean() - right["B"][rows].mean())
    found = [
        one(scores, "exact", MULTI_CELL, method="cut"),
        one(scores, "cells_apart", MULTI_CELL, method="cut"),
        one(scores, "exact_match", MULTI_CELL, classifier="A - B"),
    ]
    for score, expected in zip(found, values.values(), strict=True):
        np.testing.assert_allclose(
            score.interval, np.quantile(expected, [0.025, 0.975]), atol=1e-12
        )


def test_what_cannot_be_scored_is_refused():
    labels = LABELS.copy()
    labels[0, 0] = -1
    with pytest.raises(ValueError, match="Only complete regions"):
        score_baselines(compared(labels=labels), "A", num_resamples=5)
    with pytest.raises(ValueError, match="Received: 6 and 0"):
        score_baselines(compared(), "A", num_resamples=0)
