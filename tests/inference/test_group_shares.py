"""Shares in each group of a run."""

import pytest

from rbc_tf.core.cell_types import PAPER
from rbc_tf.inference.group_shares import Grouping, GroupShares


def _result(image, num_regions, abnormal, **by_type):
    counts = dict.fromkeys(PAPER.names, 0) | by_type
    return {
        "image": image,
        "num_regions": num_regions,
        "num_abnormal_regions": abnormal,
        "num_regions_by_type": counts,
    }


def _collected():
    shares = GroupShares(PAPER)
    for result in (
        _result("b.png", 4, 1, Oval=3),
        _result("patient 2/x/a.png", 10, 5, Oval=5, Elon=5),
        _result("patient 2/x/b.png", 10, 5, Oval=5, Elon=6),
        _result("patient 1/a.png", 0, 0),
    ):
        shares.add(result)
    return shares


def test_a_folder_is_where_its_images_lie():
    rows = list(_collected().of_groups())
    assert [row[:3] for row in rows] == [
        (".", 1, 4),
        ("patient 1", 1, 0),
        ("patient 2/x", 2, 20),
    ]
    assert rows[0][3]["Oval"] == {"share": 0.75, "low": None, "high": None}
    assert rows[1][3]["abnormal"] == {"share": None, "low": None, "high": None}
    assert rows[2][3]["Elon"]["share"] == 0.55
    assert rows[2][3]["Elon"]["low"] < 0.55 < rows[2][3]["Elon"]["high"]


def test_of_all():
    found = _collected().of_all()
    assert list(found) == ["abnormal", *PAPER.names]
    assert found["abnormal"]["share"] == 11 / 24
    assert found["Oval"]["share"] == 13 / 24


def test_the_table_has_a_row_for_each_group_and_leaves_out_what_nothing_defines():
    shares = _collected()
    assert shares.header()[:6] == [
        *("group", "num_images", "num_regions"),
        *("abnormal_share", "abnormal_low", "abnormal_high"),
    ]
    rows = list(shares.rows())
    assert all(len(row) == len(shares.header()) for row in rows)
    assert rows[0][:6] == [".", 1, 4, "0.250000", "", ""]
    assert rows[1][3:] == [""] * (len(shares.header()) - 3)


def test_a_pattern_takes_groups_from_names():
    assert Grouping("P([0-9]+)_").of("day1/P01_3.png") == "01"
    assert Grouping("^([^/]+)/").of("day1/P01_3.png") == "day1"
    assert Grouping("^([^/]+)/").of("P01/slide 2/left/a.png") == "P01"
    assert Grouping().of("day1/a/P01_3.png") == "day1/a"
    with pytest.raises(ValueError, match=r"b\.png: its path must have a group"):
        Grouping("P([0-9]+)_").check(["P1_a.png", "b.png"])


@pytest.mark.parametrize(("pattern", "message"), [("P[0-9]+_", "parenthesis"), ("(", "no pattern")])
def test_patterns_without_a_group_are_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        Grouping(pattern)
