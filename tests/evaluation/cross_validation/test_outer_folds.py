import dataclasses

import numpy as np
import pytest

from rbc_tf.classification.folds import FoldsConfig
from rbc_tf.evaluation.cross_validation.outer_folds import (
    OuterFoldsConfig,
    draw_outer_folds,
    rows_for,
    split_outer_fold,
)
from tests import builders

INNER = FoldsConfig(3)


def make_table(count=120, groups=12, seed=0):
    rng = np.random.default_rng(seed)
    return builders.feature_table(
        features=rng.normal(size=(count, 2)),
        labels=rng.random((count, 3)) < 0.4,
        groups=builders.slides(count, groups),
        num_cells=rng.integers(1, 3, count),
        complete=rng.random(count) < 0.8,
    )


@pytest.mark.parametrize("num_folds", [2, 3, 5])
@pytest.mark.parametrize("folds_by", ["group", "patch"])
@pytest.mark.parametrize("seed", range(3))
def test_folds_are_even_and_never_empty(num_folds, folds_by, seed):
    table = make_table(groups=15, seed=seed)
    folds = draw_outer_folds(table, OuterFoldsConfig(num_folds, folds_by, seed))
    sizes = np.bincount(folds, minlength=num_folds)
    # 15 groups of 8 rows; types pull them apart by a group or so, and patches not that far.
    assert len(sizes) == num_folds
    assert np.ptp(sizes) <= (3 * 8 if folds_by == "group" else 12)
    for group in set(table.groups):
        held_in = set(folds[table.groups == group])
        assert len(held_in) == 1 or folds_by == "patch"


@pytest.mark.parametrize("seed", range(10))
def test_as_many_groups_as_folds_get_one_each(seed):
    folds = draw_outer_folds(make_table(groups=4, seed=seed), OuterFoldsConfig(4, seed=seed))
    assert sorted(np.bincount(folds)) == [30, 30, 30, 30]


def test_rare_types_and_multi_cell_regions_are_spread():
    # 4 of 20 groups hold the rare type and 4 others all multi-cell regions: one each in 4 folds.
    table = make_table(count=100, groups=20)
    table.labels[:] = [1, 0, 0]
    table.num_cells[:] = 1
    group = np.arange(100) // 5
    table.labels[group < 4, 1] = 1
    table.num_cells[(group >= 4) & (group < 8)] = 2
    for seed in range(10):
        folds = draw_outer_folds(table, OuterFoldsConfig(4, seed=seed))
        assert np.bincount(folds[group < 4], minlength=4).tolist() == [5, 5, 5, 5]
        assert np.bincount(folds[table.num_cells == 2], minlength=4).tolist() == [5, 5, 5, 5]


def test_folds_depend_on_the_seed_alone():
    table = make_table()
    drawn = [tuple(draw_outer_folds(table, OuterFoldsConfig(3, seed=s))) for s in (0, 0, 1, 2)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


@pytest.mark.parametrize("folds_by", ["group", "patch"])
def test_parts_share_no_row_and_stopping_shares_no_group(folds_by):
    table = make_table()
    folds = draw_outer_folds(table, OuterFoldsConfig(4, folds_by))
    for fold in range(4):
        part = split_outer_fold(table, folds, fold, INNER)
        together = np.concatenate([part.train, part.stopping, part.test])
        assert sorted(together) == list(range(len(table)))
        assert set(folds[part.test]) == {fold}
        assert not set(table.groups[part.train]) & set(table.groups[part.stopping])
        if folds_by == "group":
            others = set(table.groups[np.concatenate([part.train, part.stopping])])
            assert not set(table.groups[part.test]) & others


@pytest.mark.parametrize("rare", range(9))
def test_stopping_leaves_the_rare_type_to_train_on(rare):
    # Outside fold 0 a single group has the type, on single cells: it must not stop training.
    table = make_table(count=90, groups=9)
    table.labels[:] = [1, 0, 0]
    table.num_cells[:] = 1
    held = table.groups == f"slide{rare}"
    table.labels[held, 2] = 1
    folds = np.where(table.groups == f"slide{(rare + 1) % 9}", 0, 1)
    part = split_outer_fold(table, folds, 0, INNER)
    assert held[part.train].any()
    assert len(part.stopping)


def test_models_are_trained_on_their_rows():
    table = make_table()
    folds = draw_outer_folds(table, OuterFoldsConfig(3))
    part = split_outer_fold(table, folds, 0, INNER)
    single_cell = table.num_cells == 1
    a, b, equal = (rows_for(model, part, table, (0, 0)) for model in ("A", "B", "A_equal"))
    for rows, of_a, of_b, of_equal in zip((part.train, part.stopping), a, b, equal, strict=True):
        assert of_a.tolist() == rows.tolist()
        assert of_b.tolist() == rows[single_cell[rows]].tolist()
        assert len(of_equal) == len(of_b) < len(of_a)
        assert len(set(of_equal)) == len(of_equal)
        assert set(of_equal) < set(of_a)
        assert not single_cell[of_equal].all()
    again, other = (rows_for("A_equal", part, table, seed)[0] for seed in ((0, 0), (0, 1)))
    assert equal[0].tolist() == again.tolist() != other.tolist()


def test_the_single_label_network_learns_real_single_cells_of_one_type():
    table = make_table()
    part = split_outer_fold(table, draw_outer_folds(table, OuterFoldsConfig(3)), 0, INNER)
    composed = np.arange(len(table)) % 2 == 0
    learnt, stopping = rows_for("single_label", part, table, 0, composed)
    expected = (table.num_cells == 1) & ~composed & (table.labels.sum(axis=1) == 1)
    assert learnt.tolist() == part.train[expected[part.train]].tolist()
    assert stopping.tolist() == part.stopping[expected[part.stopping]].tolist()
    assert len(learnt) > len(stopping) > 0


def test_what_cannot_be_done_is_refused():
    table = make_table(groups=4)
    with pytest.raises(ValueError, match=r"5 folds by group.*Received: 4"):
        draw_outer_folds(table, OuterFoldsConfig(5))
    with pytest.raises(ValueError, match="`num_folds` must be 2 or more"):
        OuterFoldsConfig(1)
    with pytest.raises(ValueError, match="`folds_by` must be"):
        OuterFoldsConfig(folds_by="image")
    with pytest.raises(ValueError, match="`seed` must be"):
        OuterFoldsConfig(seed=-1)
    folds = draw_outer_folds(table, OuterFoldsConfig(2))
    with pytest.raises(ValueError, match="3 groups or more"):
        split_outer_fold(table, folds, 0, INNER)
    none_single = dataclasses.replace(make_table(), num_cells=np.full(120, 2, np.int32))
    part = split_outer_fold(none_single, np.arange(120) // 40, 0, INNER)
    with pytest.raises(ValueError, match="Model B requires"):
        rows_for("B", part, none_single, 0)
    with pytest.raises(ValueError, match="Unknown model 'C'"):
        rows_for("C", part, make_table(), 0)
