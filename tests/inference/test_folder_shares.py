"""Shares in each folder of a run."""

from rbc_tf.core.cell_types import PAPER
from rbc_tf.inference.folder_shares import FolderShares


def _result(image, num_regions, abnormal, **by_type):
    counts = dict.fromkeys(PAPER.names, 0) | by_type
    return {
        "image": image,
        "num_regions": num_regions,
        "num_abnormal_regions": abnormal,
        "num_regions_by_type": counts,
    }


def _collected():
    shares = FolderShares(PAPER)
    for result in (
        _result("b.png", 4, 1, Oval=3),
        _result("patient 2/x/a.png", 10, 5, Oval=5, Elon=5),
        _result("patient 2/x/b.png", 10, 5, Oval=5, Elon=6),
        _result("patient 1/a.png", 0, 0),
    ):
        shares.add(result)
    return shares


def test_a_folder_is_where_its_images_lie():
    rows = list(_collected().of_folders())
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


def test_the_table_has_a_row_for_each_folder_and_leaves_out_what_nothing_defines():
    shares = _collected()
    assert shares.header()[:6] == [
        *("folder", "num_images", "num_regions"),
        *("abnormal_share", "abnormal_low", "abnormal_high"),
    ]
    rows = list(shares.rows())
    assert all(len(row) == len(shares.header()) for row in rows)
    assert rows[0][:6] == [".", 1, 4, "0.250000", "", ""]
    assert rows[1][3:] == [""] * (len(shares.header()) - 3)
