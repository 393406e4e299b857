"""COCO: read by pycocotools, and back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rbc_tf.data.formats import coco
from rbc_tf.data.formats.marked import MarkedCell, MarkedImage, MarkedRegion

_TYPES = ("Oval + Disc", "Stom", "Zähl")


def _edges(low, high):
    return (
        st.tuples(*(st.floats(low, high, width=32) for _ in range(2)))
        .map(sorted)
        .filter(lambda edges: edges[1] - edges[0] > 1e-3)
    )


@st.composite
def _regions(draw, predicted):
    (ymin, ymax), (xmin, xmax) = draw(_edges(0, 1000)), draw(_edges(0, 1000))
    types = tuple(draw(st.lists(st.sampled_from(_TYPES), unique=True)))
    if not predicted:
        cells, complete = draw(st.integers(1, 9)), draw(st.booleans())
        return MarkedRegion((ymin, xmin, ymax, xmax), types, cells, complete)
    share = st.floats(0, 1, width=32)
    probabilities = {name: draw(share) for name in _TYPES}
    return MarkedRegion(
        (ymin, xmin, ymax, xmax), types, None, None, draw(share), probabilities, draw(share)
    )


@st.composite
def _images(draw, predicted):
    regions = draw(st.lists(st.lists(_regions(predicted), max_size=3), max_size=3))
    return [
        MarkedImage(f"Ausstrich {n} №é.png", 1000, 1000, tuple(r)) for n, r in enumerate(regions)
    ]


def _write(folder, images, predicted):
    with coco.writer(folder, _TYPES, predicted) as write:
        for image in images:
            write(image)
    return folder / coco.DATASET, folder / coco.RESULTS


@given(_images(predicted=True))
def test_predictions_as_pycocotools_reads_them(tmp_path_factory, images):
    dataset, results = _write(tmp_path_factory.mktemp("coco"), images, predicted=True)
    loaded = COCO(str(dataset))
    assert loaded.dataset["info"]["cell_types"] == list(_TYPES)
    assert [i["file_name"] for i in loaded.loadImgs(loaded.getImgIds())] == [i.name for i in images]
    expected = [region for image in images for region in image.regions]
    found = [loaded.loadRes(str(results)), loaded] if expected else [loaded]
    for reader in found:
        annotations = reader.loadAnns(sorted(reader.getAnnIds()))
        assert len(annotations) == len(expected)
        for annotation, region in zip(annotations, expected, strict=True):
            ymin, xmin, ymax, xmax = region.box
            np.testing.assert_allclose(
                annotation["bbox"], (xmin, ymin, xmax - xmin, ymax - ymin), rtol=0, atol=0
            )
            assert annotation["area"] == annotation["bbox"][2] * annotation["bbox"][3]
            assert annotation["score"] == region.score
    for annotation, region in zip(loaded.loadAnns(loaded.getAnnIds()), expected, strict=True):
        assert annotation["types"] == list(region.types)
        assert annotation["probabilities"] == region.probabilities


def test_the_results_score_fully_against_themselves(tmp_path, capsys):
    """COCO's own evaluation: every box is found with its own, so AP is 1."""
    regions = tuple(
        MarkedRegion((y, x, y + 30.5, x + 40), (), None, None, 0.5 + y / 1000, {}, 0.0)
        for y in (0, 100, 200)
        for x in (0, 100)
    )
    images = [MarkedImage("a.png", 400, 400, regions), MarkedImage("b.png", 400, 400, regions[:1])]
    dataset, results = _write(tmp_path, images, predicted=True)
    truth = COCO(str(dataset))
    evaluation = COCOeval(truth, truth.loadRes(str(results)), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capsys.readouterr()
    assert evaluation.stats[0] == pytest.approx(1.0)
    mask = truth.annToMask(truth.loadAnns([1])[0])  # the segmentation is the box
    assert mask[:30, :40].all()
    assert not mask[32:].any()
    assert not mask[:, 41:].any()


@given(_images(predicted=False))
def test_the_truth_comes_back(tmp_path_factory, images):
    dataset, results = _write(tmp_path_factory.mktemp("coco"), images, predicted=False)
    assert not results.exists()
    problems = []
    found = coco.read(dataset, problems)
    assert problems == []
    assert [(i.name, i.height, i.width) for i in found] == [(i.name, 1000, 1000) for i in images]
    for back, image in zip(found, images, strict=True):
        # xmin + (xmax - xmin) may miss xmax by the last bit of a double.
        for region, expected in zip(back.regions, image.regions, strict=True):
            assert region.box == pytest.approx(expected.box, rel=1e-15, abs=1e-12)
            assert (region.types, region.num_cells) == (expected.types, expected.num_cells)
            assert region.complete == expected.complete


def test_a_failure_leaves_nothing(tmp_path):
    region = MarkedRegion((0, 0, 1, 1), score=float("nan"))  # which JSON cannot hold
    with (
        pytest.raises(ValueError, match="not JSON compliant"),
        coco.writer(tmp_path, _TYPES, predicted=True) as write,
    ):
        write(MarkedImage("a.png", 4, 4, (region,)))
    assert list(tmp_path.iterdir()) == []


def _file(tmp_path, **lists):
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({"images": [], "annotations": [], "categories": [], **lists}))
    return path


def test_other_peoples_files(tmp_path):
    """One category per box, ids from anywhere, sizes unknown; keypoints where there is no box."""
    path = _file(
        tmp_path,
        images=[{"id": 7, "file_name": "a.jpg"}, {"id": 3, "file_name": "b.jpg", "height": 9}],
        categories=[{"id": 90, "name": "Oval"}, {"id": 0, "name": "Stom"}],
        annotations=[
            {"id": 0, "image_id": 7, "category_id": 0, "bbox": [1.5, 2, 3, 4.25], "iscrowd": 0},
            {"id": 1, "image_id": 7, "category_id": 90, "bbox": [0, 0, 1, 1], "num_cells": 2},
            # x, y and v, which is 0 where a keypoint is not labelled.
            {"image_id": 7, "category_id": 0, "keypoints": [1, 2, 2, 0, 0, 0, 3, 4, 1]},
            {"id": 3, "image_id": 7, "category_id": 5, "types": [], "bbox": [5, 5, 1, 1]},
        ],
    )
    problems = []
    first, second = coco.read(path, problems)
    assert problems == []
    assert (first.name, first.height, first.width) == ("a.jpg", None, None)
    assert first.regions == (
        MarkedRegion((2, 1.5, 6.25, 4.5), ("Stom",)),  # x 1.5, y 2, 3 wide, 4.25 high
        MarkedRegion((0, 0, 1, 1), ("Oval",), num_cells=2),
        MarkedRegion((5, 5, 6, 6), ()),
    )
    assert first.cells == (MarkedCell(1, 2, "Stom"), MarkedCell(3, 4, "Stom"))
    assert second == MarkedImage("b.jpg", 9, None)


def test_every_problem_is_told(tmp_path):
    good = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2]}
    bad = {
        "bbox must be [x, y, width, height]. Received: [1, 2, 3]": {"bbox": [1, 2, 3]},
        "a box must have a height and a width": {"bbox": [1, 2, 0, 4]},
        "bbox must be a number. Received: None": {"bbox": [1, None, 3, 4]},
        "image_id must be an id of the file. Received: 2": {"image_id": 2},
        "category_id must be an id of the file. Received: 'Oval'": {"category_id": "Oval"},
        "iscrowd": {"iscrowd": 1},
        "a bbox or keypoints are required": {"bbox": []},
        "keypoints must be triples": {"bbox": None, "keypoints": [1, 2]},
        "one type. Received: Oval, Stom": {
            "bbox": None,
            "types": ["Oval", "Stom"],
            "keypoints": [1, 2, 2],
        },
        "num_cells must be a whole number from 1 to 10,000. Received: 0": {"num_cells": 0},
        "complete must be true or false. Received: 'maybe'": {"complete": "maybe"},
    }
    path = _file(
        tmp_path,
        images=[{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}, {"id": 4}],
        categories=[{"id": 1, "name": "Oval"}, {"id": 2, "name": ""}, "Stom"],
        annotations=[good, *({**good, **change} for change in bad.values()), 5],
    )
    problems = []
    (image,) = coco.read(path, problems)
    assert len(image.regions) == 1
    expected = [
        "category 2: name must be text",
        "category 3: a category must be an object",
        "image 2: id 1 is given twice",
        "image 3: file_name must be text",
        *(f"annotation {n}: {said}" for n, said in enumerate(bad, start=2)),
        f"annotation {len(bad) + 2}: an annotation must be an object",
    ]
    for problem, part in zip(problems, expected, strict=True):
        place, _, said = part.partition(": ")
        assert problem.startswith(f"{path}: {place}: ")
        assert said in problem


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bbox": [10**400, 1, 2, 3]}, "bbox must be a number. Received: 1000"),
        ({"bbox": [1, 2, 10**400, 3]}, "bbox must be a number. Received: 1000"),
        ({"num_cells": 10**400}, "num_cells must be a whole number from 1 to 10,000. Received: 10"),
        ({"num_cells": "1e400"}, "num_cells must be a whole number from 1 to 10,000. Received: '1"),
        ({"image_id": 10**400}, "image_id must be an id of the file. Received: 1000"),
        ({"category_id": 10**400}, "category_id must be an id of the file. Received: 1000"),
    ],
)
def test_numbers_of_hundreds_of_digits_are_named(tmp_path, change, said):
    mark = {"id": 5, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2]}
    lists = {"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "Oval"}]}
    path = _file(tmp_path, annotations=[mark | change], **lists)
    problems = []
    coco.read(path, problems)
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}: annotation 1 (id 5): {said}")


def test_ids_of_hundreds_of_digits_are_named(tmp_path):
    wrong = {"id": 10**400, "file_name": "a.png", "name": "Oval"}
    path = _file(tmp_path, images=[wrong], categories=[wrong])
    problems = []
    assert coco.read(path, problems) == []
    assert [problem.partition(". Received")[0] for problem in problems] == [
        f"{path}: category 1: id must be a number",
        f"{path}: image 1: id must be a number",
    ]


@pytest.mark.parametrize("content", ["", "[]", '{"images": []}', "\ud800"])
def test_what_is_no_coco_file(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    problems = []
    assert coco.read(path, problems) == []
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}: ")
