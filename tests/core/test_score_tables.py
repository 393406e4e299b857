"""Lists of scores as tables: whatever scores there are stand in them."""

from rbc_tf.core import score_tables, text_table
from rbc_tf.core.score import Score

_SCORES = (
    Score("num_regions", 4, None, {"subset": "all"}),
    Score("exact_match", 0.5, (0.25, 0.75), {"subset": "all"}, 4),
    Score("macro_auc", 0.75, None, {"subset": "all"}, 4),
    Score("auc", 1.0, (0.5, 1.0), {"subset": "all", "type": "Oval"}, 3),
    Score("recall", 2 / 3, None, {"subset": "all", "type": "Oval"}, 3),
    Score("auc", 0.5, None, {"subset": "all", "type": "Elon"}, 1),
    Score("accuracy", 0.25, None, {"subset": "all", "abnormality": "boosting"}, 4),
    Score("num_regions", 0, None, {"subset": "multi_cell"}),
    Score("exact_match", None, None, {"subset": "multi_cell"}, 0),
)


def test_pivot_has_a_row_for_each_value_and_a_column_for_each_statistic():
    table = score_tables.pivot(_SCORES, "Types", "type", {"Oval": "Oval + Disc"})
    assert table.header == ("type", "AUC", "recall")
    assert table.rows == (("Oval + Disc", "1.000 [0.500, 1.000]", "0.667"), ("Elon", "0.500", ""))


def test_by_subset_has_every_statistic_of_regions():
    table = score_tables.by_subset(_SCORES, "Regions")
    assert table.header == ("subset", "all", "multi-cell")
    assert table.rows == (("regions", "4", "0"), ("exact match", "0.500 [0.250, 0.750]", "-"))


def test_by_type_ends_with_the_mean():
    table = score_tables.by_type(_SCORES, "Types")
    assert table.rows == (("Oval", "1.000", "0.667"), ("Elon", "0.500", ""), ("mean", "0.750", ""))
    assert score_tables.by_type(_SCORES, "Types", intervals=True).rows[0][1].endswith("1.000]")


def test_by_method_shows_abnormality():
    table = score_tables.by_method(_SCORES, "Abnormal")
    assert (table.header, table.rows) == (
        ("abnormality", "accuracy"),
        (("gradient boosting", "0.250"),),
    )


def test_wide_tables_are_turned():
    many = [Score(f"score_{n:02}", 0.5, None, {"type": t}) for t in "xy" for n in range(20)]
    table = score_tables.narrow(score_tables.pivot(many, "Types", "type"))
    assert table.header == ("type", "x", "y")
    assert table.width <= text_table.WIDTH
    assert score_tables.narrow(table) is table


def test_listing_shows_every_score():
    rows = score_tables.listing(_SCORES, "All").rows
    assert rows[1] == ("exact match, all", "0.500", "[0.250, 0.750]", "4")
    assert rows[-1] == ("exact match, multi-cell", "-", "", "0")
    assert len(rows) == len(_SCORES)


def test_what_a_score_is_of_reads_as_words():
    score = Score("recall", 0.5, of={"score_threshold": "0.5", "subset": "single_cell"})
    assert score_tables.describe(score) == "recall, single-cell, at score 0.5"
    assert score_tables.describe(Score("recall", 0.5)) == "recall"
