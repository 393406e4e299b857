"""What is not what an analysis writes is not taken for it."""

import copy
import dataclasses
import json
import math

import numpy as np
import pytest

from rbc_tf.core.cell_types import PAPER
from rbc_tf.inference import result_check
from rbc_tf.inference.analysis import Analysis
from tests import builders


def _result(count=2, **fields):
    """Of an image of 20 x 40 pixels: its second region is Oval and abnormal, the others no type."""
    probabilities = np.zeros((count, 6))
    probabilities[1:2, 0] = 0.9
    boxes = [[0, 0, 20, 40]] * count
    found = builders.analyzed(boxes, [0.8] * count, probabilities, probabilities.max(axis=1))
    analysis = Analysis.from_arrays(
        "a.png", "0" * 64, (20, 40), found, probabilities > 0.5, PAPER, 0.5
    )
    return json.loads(json.dumps(dataclasses.replace(analysis, **fields).to_json()))


def _check(result):
    result_check.check(result, "a.png", PAPER.names)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_what_an_analysis_writes_passes(count):
    _check(_result(count))
    _check(
        _result(
            count, exposure="nearly black", unlike={"larger": "x"}, scale=0.5, gain=2.5, grey=True
        )
    )


@pytest.mark.parametrize(
    "field",
    [
        *("image", "image_sha256", "height", "width", "num_regions", "num_regions_by_type"),
        *("num_abnormal_regions", "abnormal_region_share", "abnormal_region_share_95", "regions"),
    ],
)
def test_no_field_may_be_missing_or_of_another_type(field):
    for value in (True, "x", 5.5, math.nan, {}, None, 10**400):
        with pytest.raises(ValueError, match=f"^{field} must be"):
            _check({**_result(), field: value})
    without = _result()
    del without[field]
    with pytest.raises(ValueError, match=f"^{field} must be"):
        _check(without)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("exposure", [True, "dark", [1]]),
        ("unlike", [[], {"larger": 1}, "x"]),
        ("gain", [0, 0.5, -1, math.nan, math.inf, 9, "1", True]),
        ("scale", [0, -1, math.nan, math.inf, 10**400, "1", True]),
        ("grey", [1, "yes", None]),
    ],
)
def test_a_remark_is_of_its_type(field, values):
    for value in values:
        with pytest.raises(ValueError, match=f"^{field} must be"):
            _check({**_result(), field: value})


@pytest.mark.parametrize(
    "field", ["box", "score", "probabilities", "labels", "abnormal_probability", "abnormal"]
)
def test_a_region_has_every_field_with_its_type(field):
    for value in ("x", math.nan, -0.5, 2, {}, [1], None):
        result = _result()
        result["regions"][1][field] = value
        with pytest.raises(ValueError, match=f"^region 2: {field} must be"):
            _check(result)
    result = _result()
    del result["regions"][1][field]
    with pytest.raises(ValueError, match="region 2: it must be a mapping of box"):
        _check(result)


def _set_box(**edges):
    return lambda result: result["regions"][0]["box"].update(edges)


def _reversed(mapping):
    return dict(reversed(mapping.items()))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda r: r["regions"].append(1), "region 3: it must be a mapping"),
        (lambda r: r.update(regions=[{}]), "region 1: it must be a mapping"),
        (lambda r: r["regions"].pop(), "num_regions must be 1. Received: 2"),
        (lambda r: r["regions"].append(r["regions"][0]), "num_regions must be 3"),
        (lambda r: r.update(image="b.png"), "image must be 'a.png'. Received: 'b.png'"),
        (lambda r: r.update(image_sha256=None), "image_sha256 must be"),
        (lambda r: r.update(height=0), "height must be"),
        (lambda r: r.update(num_regions=2.0), "num_regions must be 2"),
        (lambda r: r.update(num_abnormal_regions=True), "num_abnormal_regions must be 1"),
        (lambda r: r.update(num_abnormal_regions=2), "num_abnormal_regions must be 1"),
        (lambda r: r["num_regions_by_type"].update(Oval=True), "num_regions_by_type must be"),
        (lambda r: r["num_regions_by_type"].update(Oval=0), "num_regions_by_type must be"),
        (lambda r: r["num_regions_by_type"].update(Other=0), "num_regions_by_type must be"),
        (lambda r: r["num_regions_by_type"].pop("Stom"), "num_regions_by_type must be"),
        (lambda r: r.update(abnormal_region_share=0.4), "abnormal_region_share must be 0.5"),
        (lambda r: r.update(abnormal_region_share_95=[0.1]), "abnormal_region_share_95 must"),
        (lambda r: r["abnormal_region_share_95"].reverse(), "abnormal_region_share_95 must"),
        (_set_box(ymin=math.nan), "region 1: ymin must be an edge"),
        (_set_box(ymax=math.inf), "region 1: ymax must be"),
        (_set_box(xmax=42), "region 1: xmax must be an edge"),
        (_set_box(xmin=-2), "region 1: xmin must be"),
        (_set_box(xmin=30, xmax=20), "region 1: xmax must be an edge after"),
        (_set_box(ymin=True), "region 1: ymin must be"),
        (_set_box(more=1), "region 1: box must be"),
        # The columns of the table are filled in the order of the file.
        (lambda r: r["regions"][0].update(box=_reversed(r["regions"][0]["box"])), "1: box must"),
        (
            lambda r: r["regions"][0].update(
                probabilities=_reversed(r["regions"][0]["probabilities"])
            ),
            "1: probabilities must be those of",
        ),
        (
            lambda r: r["regions"][0]["probabilities"].update(Oval=1.5),
            "region 1: Oval must be a number from 0",
        ),
        (lambda r: r["regions"][1].update(labels=["Oval", "Oval"]), "labels must be types"),
        (lambda r: r["regions"][1].update(labels=["Ovalish"]), "labels must be types"),
        (lambda r: r["regions"][1].update(labels=[]), "num_regions_by_type must be"),
        (lambda r: r["regions"][1].update(abnormal=1), "abnormal must be true or false"),
        (lambda r: r["regions"][1].update(abnormal=False), "num_abnormal_regions must be 0"),
    ],
)
def test_what_is_not_of_a_piece_is_refused(damage, message):
    result = copy.deepcopy(_result())
    damage(result)
    with pytest.raises(ValueError, match=message):
        _check(result)


def test_results_of_other_types_are_refused():
    with pytest.raises(ValueError, match="probabilities must be those of"):
        result_check.check(_result(), "a.png", PAPER.names[::-1])
