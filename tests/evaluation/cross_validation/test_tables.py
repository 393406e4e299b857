import dataclasses

import numpy as np
import pytest

from rbc_tf.core.cell_types import PAPER
from rbc_tf.core.text_table import console
from rbc_tf.evaluation.cross_validation import (
    long_table as cross_validation_csv,
)
from rbc_tf.evaluation.cross_validation import (
    tables as cross_validation_tables,
)
from rbc_tf.evaluation.cross_validation.scores import score_held_out
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


def all_tables(scores):
    main = cross_validation_tables.main_tables(scores)
    return {t.title: t for t in (*main, *cross_validation_tables.further_tables(scores))}


@pytest.mark.parametrize("names", [("Oval",), PAPER.names, CHULA])
def test_tables_fit_a_terminal(names):
    tables = all_tables(make_scores(names))
    for table in tables.values():
        assert max(map(len, console(table).splitlines())) <= 120, table.title
    assert ("The paper's Table 1" in tables) == (names == CHULA)


def test_the_papers_rows_stand_beside_ours_where_types_are_its_own():
    scores = make_scores(PAPER.names[:2])
    table = all_tables(scores)["Table 1: AUC per type and exact match, mean over folds"]
    assert table.header == ("", "Oval", "Elon", "macro AUC", "exact match")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["paper B"] == ("0.974", "0.891", "", "0.649")
    assert any("other data" in note for note in table.notes)
    ours = scores.table1.experiments[0].scores
    assert rows["A"][0] == f"{ours.auc['Oval'].mean:.3f}"


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
    exact = next(c for c in scores.table1.comparisons if c.first == "A").scores.exact_match
    low, high = exact.pooled_interval
    assert table.rows[0][:2] == ("exact match", f"{exact.pooled:+.3f} [{low:+.3f}, {high:+.3f}]")


def test_values_that_round_to_nothing_have_no_minus():
    scores = make_scores(PAPER.names)
    first, *others = scores.table1.comparisons
    exact = dataclasses.replace(
        first.scores.exact_match, pooled=-0.0001, pooled_interval=(-0.0004, 0.0)
    )
    first = dataclasses.replace(first, scores=dataclasses.replace(first.scores, exact_match=exact))
    found = dataclasses.replace(scores.table1, comparisons=(first, *others))
    tables = all_tables(dataclasses.replace(scores, table1=found))
    table = tables["A - B, pooled over folds, paired"]
    assert table.rows[0][1] == "+0.000 [+0.000, +0.000]"


def test_csv_rows_are_whole_and_hold_the_papers_figures():
    rows = list(cross_validation_csv.csv_rows(make_scores(PAPER.names[:2])))
    header = cross_validation_csv.CSV_HEADER
    assert {len(row) for row in rows} == {len(header)}
    # 11 experiments and 10 comparisons of 4 scores, 3 x (7 + 1) answers, 4 x 4 verdicts, 3 x 7 + 1.
    assert len(rows) == 21 * 4 + 24 + 16 + 22
    found = [dict(zip(header, row, strict=True)) for row in rows]
    paper = [row for row in found if row["kind"] == "paper" and row["name"] == "paper A*"]
    assert [row["mean_over_folds"] for row in paper] == [
        0.995, 0.994, 1.0, 0.998, 0.999, 0.998, 0.932,
    ]  # fmt: skip
    # The second type lies nowhere: no number, and no fold.
    elon = next(row for row in found if row["type"] == "Elon")
    assert (elon["mean_over_folds"], elon["pooled"], elon["num_folds"]) == ("", "", 0)


def test_heading_counts():
    text = cross_validation_tables.heading(make_scores(PAPER.names), "group", "imagenet")
    assert text.startswith("150 completely labelled regions are scored:")
    assert "10 groups, 5 folds by group" in text
    assert "imagenet" in text
