import dataclasses

import numpy as np
import pytest

from rbc_tf.evaluation.baselines.scores import (
    MULTI,
    SEVERAL_TYPES,
    SINGLE,
    ComparedRegions,
    Share,
    score_baselines,
)
from rbc_tf.metrics import intervals

# Six regions of three groups, two types. Cells: 1, 1, 2, 2, 3, 2.
LABELS = np.array([[1, 0], [0, 1], [1, 1], [1, 0], [1, 1], [0, 1]], np.int8)
CELLS = np.array([1, 1, 2, 2, 3, 2])
SAID_BY_A = LABELS == 1
SAID_BY_B = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [1, 1], [0, 0]], bool)


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
        said={"A": SAID_BY_A, "B": SAID_BY_B},
    )
    return dataclasses.replace(regions, **changes)


def test_counts_by_hand():
    scores = score_baselines(compared(), "A", num_resamples=50)
    assert scores.num_regions == {SINGLE: 2, MULTI: 4, SEVERAL_TYPES: 2}
    assert scores.num_groups == 3
    single, multi = (scores.counts["cut"][subset] for subset in (SINGLE, MULTI))
    names = ("exact", "one_more", "one_fewer", "other")
    assert [getattr(single, name).count for name in names] == [1, 1, 0, 0]
    # Found 2, 1, 5, 3 of 2, 2, 3, 2 cells.
    assert [getattr(multi, name).count for name in names] == [1, 1, 1, 1]
    assert (multi.exact.total, multi.exact.value) == (4, 0.25)
    # 2 + 0 + 2 + 2 of 2 + 2 + 3 + 2 cells have a segment of their own.
    assert (multi.cells_apart.count, multi.cells_apart.total) == (6, 9)


def test_exact_match_and_its_differences_by_hand():
    scores = score_baselines(compared(), "A", num_resamples=50)
    assert {s: share.value for s, share in scores.exact_match["A"].items()} == dict.fromkeys(
        (SINGLE, MULTI, SEVERAL_TYPES), 1
    )
    # B is right on the first, fourth and fifth region.
    right = {subset: share.count for subset, share in scores.exact_match["B"].items()}
    assert right == {SINGLE: 1, MULTI: 2, SEVERAL_TYPES: 1}
    (gain,) = scores.differences[MULTI]
    assert (gain.first, gain.second, gain.value) == ("A", "B", 0.5)


def test_a_share_of_0_or_1_has_wilsons_interval():
    scores = score_baselines(compared(), "A", num_resamples=50)
    assert scores.exact_match["A"][MULTI].interval == intervals.wilson(4, 4)
    assert scores.counts["cut"][SINGLE].other.interval == intervals.wilson(0, 2)


def test_no_region_of_a_kind():
    single = compared(num_cells=np.ones(6, int))
    scores = score_baselines(single, "A", num_resamples=20)
    assert scores.exact_match["B"][MULTI] == Share(0, 0, None, None)
    assert scores.counts["cut"][MULTI].cells_apart == Share(0, 0, None, None)
    assert scores.differences[MULTI][0].value is None


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
        said={name: generator.random((rows, 3)) < 0.8 * labels + 0.1 for name in ("A", "B")},
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
    right = {n: (s == (regions.labels == 1)).all(axis=1) for n, s in regions.said.items()}
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
    counts = scores.counts["cut"][MULTI]
    found = (counts.exact.interval, counts.cells_apart.interval)
    found += (scores.differences[MULTI][0].interval,)
    for interval, expected in zip(found, values.values(), strict=True):
        np.testing.assert_allclose(interval, np.quantile(expected, [0.025, 0.975]), atol=1e-12)


def test_what_cannot_be_scored_is_refused():
    labels = LABELS.copy()
    labels[0, 0] = -1
    with pytest.raises(ValueError, match="Only complete regions"):
        compared(labels=labels)
    with pytest.raises(ValueError, match="Received: 6 and 0"):
        score_baselines(compared(), "A", num_resamples=0)
