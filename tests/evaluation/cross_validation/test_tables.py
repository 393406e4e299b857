import dataclasses

import numpy as np
import pytest

from rbc_tf.core import score as score_lib
from rbc_tf.core.cell_types import PAPER
from rbc_tf.core.text_table import console
from rbc_tf.evaluation.cross_validation import tables
from rbc_tf.evaluation.cross_validation.scores import score_held_out
from rbc_tf.metrics import region_scores
from tests import builders

CHULA = (
    "normal", "macrocyte", "microcyte", "spherocyte", "target", "stomatocyte", "ovalocyte",
    "teardrop", "burr", "schistocyte", "hypochromic", "elliptocyte",
)  # fmt: skip


def make_scores(names, count=150, num_groups=10, num_folds=5, last_in=()):
    """Random scores; the last type lies in the named groups alone."""
    rng = np.random.default_rng(0)
    group = np.arange(count) % num_groups
    labels = (rng.random((count, len(names))) < 0.4).astype(np.int8)
    labels[~np.isin(group, last_in), -1] = 0
    probabilities = rng.random((3, count, len(names))).astype(np.float32)
    predictions = builders.predictions(
        names,
        labels,
        dict(zip(("A", "B", "A_equal"), probabilities, strict=True)),
        groups=group.astype(str),
        num_cells=rng.integers(1, 3, count),
        folds=group % num_folds,
        abnormal=rng.random(count),
    )
    return score_held_out(predictions, np.arange(len(names)) > 0, num_resamples=50)


def one(scores, name, **of):
    return score_lib.one(scores.over_folds, name, **of)


def all_tables(scores):
    main = tables.main_tables(scores)
    return {t.title: t for t in (*main, *tables.further_tables(scores))}


@pytest.mark.parametrize("names", [("Oval",), PAPER.names, CHULA])
def test_tables_fit_a_terminal(names):
    shown = all_tables(make_scores(names))
    for table in shown.values():
        assert max(map(len, console(table).splitlines())) <= 120, table.title
    assert ("The paper's Table 1" in shown) == (names == CHULA)


def test_the_papers_rows_stand_beside_ours_where_types_are_its_own():
    scores = make_scores(PAPER.names[:2])
    table = all_tables(scores)["Table 1: AUC per type and exact match, mean over folds"]
    assert table.header == ("", "Oval", "Elon", "macro AUC", "exact match")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["paper B"] == ("0.974", "0.891", "", "0.649")
    assert any("other data" in note for note in table.notes)
    assert rows["A"][0] == f"{one(scores, 'auc', model='A', subset='all', type='Oval').mean:.3f}"


def test_many_types_stand_as_rows():
    table = all_tables(make_scores(CHULA))["AUC per type and exact match, pooled over folds"]
    assert table.header[:4] == ("", "A", "A*", "B")
    assert [row[0] for row in table.rows] == [*CHULA, "macro AUC", "exact match"]


def test_what_is_not_defined_is_a_dash_and_what_some_folds_lack_is_marked():
    # Groups 0 and 5 lie in fold 0 of 5: one fold knows the last type.
    rows = all_tables(make_scores(PAPER.names[:2], last_in=(0, 5)))
    table = rows["Table 1: AUC per type and exact match, mean over folds"]
    assert table.rows[0][2].endswith("†")
    assert not table.rows[0][1].endswith("†")
    held = {row[0]: row for row in rows["What the folds hold"].rows}
    assert held["Elon"][1].endswith("/ 2 / 1")
    nowhere = all_tables(make_scores(PAPER.names[:2]))
    assert nowhere[table.title].rows[0][2] == "-"
    summary = nowhere["Exact match, and AUC averaged over types"]
    assert any(note.endswith("is without Elon.") for note in summary.notes)


def test_differences_have_a_sign():
    scores = make_scores(PAPER.names)
    table = all_tables(scores)["A - B, pooled over folds, paired"]
    exact = one(scores, "exact_match", model="A - B", subset="all")
    low, high = exact.pooled_interval
    assert table.rows[0][:2] == ("exact match", f"{exact.pooled:+.3f} [{low:+.3f}, {high:+.3f}]")


def test_values_that_round_to_nothing_have_no_minus():
    scores = make_scores(PAPER.names)
    exact = one(scores, "exact_match", model="A - B", subset="all")
    small = dataclasses.replace(exact, pooled=-0.0001, pooled_interval=(-0.0004, 0.0))
    over_folds = tuple(small if score is exact else score for score in scores.over_folds)
    shown = all_tables(dataclasses.replace(scores, over_folds=over_folds))
    table = shown["A - B, pooled over folds, paired"]
    assert table.rows[0][1] == "+0.000 [+0.000, +0.000]"


def test_abnormality_stands_beside_the_commoner_answer_and_the_papers():
    scores = make_scores(PAPER.names)
    table = all_tables(scores)["Normal against abnormal, pooled over folds"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert table.header == ("", "accuracy", "AUC", "sensitivity", "specificity")
    assert rows["paper, boosting"] == ("0.851", "", "", "")
    assert rows["always 'abnormal'"][1:] == ("", "", "")
    of = {"model": "A", "subset": "all", "abnormality": "boosting - any_type"}
    gain = one(scores, "auc", **of).pooled
    assert rows["boosting - any type"][1].startswith(f"{gain:+.3f} [")


def test_a_registered_score_is_in_the_tables(monkeypatch):
    def none_predicted(regions):
        return ~regions.predicted.any(axis=1)

    monkeypatch.setitem(region_scores.REGION_SCORES, "none_predicted", none_predicted)
    monkeypatch.setitem(region_scores.TYPE_SCORES, "new_auc", region_scores.auc)
    scores = make_scores(PAPER.names[:2])
    shown = all_tables(scores)
    rows = {row[0]: row[1] for row in shown["All scores of regions, pooled over folds"].rows}
    expected = one(scores, "none_predicted", model="A", subset="all").pooled
    assert rows["none predicted"].startswith(f"{expected:.3f} [")
    assert (
        shown["New auc per type, pooled"].rows[1]
        == (shown["AUC per type, pooled over folds, with 95 % intervals"].rows[2])
    )


def test_heading_counts():
    text = tables.heading(make_scores(PAPER.names), "group", "imagenet")
    assert text.startswith("150 completely labelled regions are scored:")
    assert "10 groups, 5 folds by group" in text
    assert "imagenet" in text
