"""Export of results and of datasets, and the way there and back."""

import csv
import json
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbc_tf.core import image_io
from rbc_tf.core.cell_types import PAPER, CellType, CellTypes
from rbc_tf.core.types import AnalyzedRegions
from rbc_tf.data import dataset, regions
from rbc_tf.data.formats import exporting, sources
from rbc_tf.data.formats.importing import import_annotations
from rbc_tf.inference.analysis import Analysis

_ROOT = pathlib.Path(__file__).parents[3]

_TYPES = CellTypes(
    (
        CellType("Oval + Disc", "Oval", False),
        CellType("Zähl", "Zählung", True),
        CellType("c", "C", True),
    )
)


def _write_results(folder, boxes_of_images):
    """A results folder as the analysis writes it: {name: boxes}, two types in the first region."""
    (folder / "images").mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"cell_types": PAPER.names}))
    for name, boxes in boxes_of_images.items():
        boxes = np.array(boxes, np.float32).reshape(-1, 4)
        n = len(boxes)
        probabilities = np.full((n, 6), 0.125, np.float32)
        probabilities[:, 0] = 0.9
        probabilities[:1, 5] = 0.6
        found = AnalyzedRegions(
            boxes, np.linspace(1, 0.5, n, dtype=np.float32), probabilities, np.full(n, 0.25)
        )
        result = Analysis.from_arrays(
            name, "0" * 64, (80, 100), found, probabilities > 0.5, PAPER, 0.5
        ).to_json()
        path = folder / "images" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    return folder


_BOXES = {
    "b é.png": [(1.5, 2.25, 11, 12), (3, 4, 70.125, 60)],
    "slide/a.jpg": [(0, 0, 80, 100)],
    "z.tif": [],
}


@pytest.mark.parametrize("file_format", exporting.FORMATS)
def test_results_in_each_format(tmp_path, file_format):
    source = sources.results(_write_results(tmp_path / "results", _BOXES))
    assert (source.num_images, source.predicted, source.type_names) == (3, True, PAPER.names)
    summary = exporting.export(source, file_format, tmp_path / "out")
    assert summary == exporting.ExportSummary(images=3, regions=3, problems=())
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    if file_format == "coco":
        assert found == {"coco.json", "coco_results.json"}
        content = json.loads((tmp_path / "out" / "coco.json").read_text(encoding="utf-8"))
        assert [image["file_name"] for image in content["images"]] == list(_BOXES)
        assert [a["types"] for a in content["annotations"]] == [
            ["Oval", "Stom"],
            ["Oval"],
            ["Oval", "Stom"],
        ]
        # The probabilities that the analysis gave, in full.
        assert content["annotations"][1]["probabilities"]["Oval"] == float(np.float32(0.9))
    elif file_format == "geojson":
        assert found == {f"{name}.geojson" for name in _BOXES}
        path = tmp_path / "out" / "slide" / "a.jpg.geojson"
        (feature,) = json.loads(path.read_text())["features"]
        assert feature["properties"]["objectType"] == "detection"
        assert feature["properties"]["measurements"]["p_Stom"] == float(np.float32(0.6))
        assert feature["properties"]["measurements"]["abnormal_probability"] == 0.25
    else:
        assert found == {f"{name}.zip" for name in _BOXES}
        with zipfile.ZipFile(tmp_path / "out" / "b é.png.zip") as archive:
            assert archive.namelist() == ["0001 Oval+Stom 1.000.roi", "0002 Oval 0.500.roi"]


def test_broken_results_are_told_and_the_rest_is_written(tmp_path):
    folder = _write_results(tmp_path / "results", _BOXES)
    good = json.loads((folder / "images" / "slide" / "a.jpg.json").read_text())
    broken = {
        "1.png": ("regions must be an array", {"regions": None}),
        "2.png": ("height must be a number. Received: 'x'", {"height": "x"}),
        "3.png": ("region 1: labels must be types of run.json", {"labels": ["Ovel"]}),
        "4.png": ("region 1: xmax must be a number. Received: None", {"box": {"ymin": 1}}),
        "5.png": ("region 1: score must be a number. Received: nan", {"score": float("nan")}),
        "6.png": ("region 1: probabilities must be an object", {"probabilities": []}),
    }
    broken["4.png"][1]["box"].update(xmin=1, ymax=2)
    for name, (_said, change) in broken.items():
        region = {**good["regions"][0], **change}
        result = {**good, "regions": [region], **change}
        (folder / "images" / f"{name}.json").write_text(json.dumps(result))
    (folder / "images" / "7.png.json").write_text('{"image": ')
    summary = exporting.export(sources.results(folder), "geojson", tmp_path / "out")
    assert (summary.images, summary.regions) == (3, 3)
    said = [said for said, _change in broken.values()] + ["cannot be read as UTF-8 JSON"]
    for number, (problem, part) in enumerate(zip(summary.problems, said, strict=True), start=1):
        assert problem.startswith(f"{folder / 'images' / f'{number}.png.json'}: {part}")


def test_what_is_no_results_folder(tmp_path):
    with pytest.raises(ValueError, match=r"no run\.json"):
        sources.results(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="cell_types must be an array"):
        sources.results(tmp_path)
    (tmp_path / "run.json").write_text('{"cell_types": ["a"]}')
    with pytest.raises(ValueError, match="holds the result of no image"):
        sources.results(tmp_path)
    source = sources.results(_write_results(tmp_path / "results", _BOXES))
    with pytest.raises(ValueError, match=r"imagej.*Received: voc"):
        exporting.export(source, "voc", tmp_path / "out")
    with pytest.raises(ValueError, match=r"annotation.*Received: cell"):
        exporting.export(source, "geojson", tmp_path / "out", "cell")


def _edges(size):
    """Edges with fractions that a detector or a person may give, in an image of that size."""
    return (
        st.tuples(*(st.integers(0, size * 64) for _ in range(2)))
        .filter(lambda edges: abs(edges[0] - edges[1]) >= 64)
        .map(lambda edges: tuple(sorted(edge / 64 for edge in edges)))
    )


_ROWS = st.tuples(
    _edges(40),
    _edges(60),
    st.lists(st.sampled_from((*_TYPES.names, "other")), unique=True).map(sorted),
    st.integers(0, 3),
    st.booleans(),
)


@settings(max_examples=12)
@given(
    st.lists(st.lists(_ROWS, max_size=4, unique_by=lambda r: r[:2]), min_size=1, max_size=3),
    st.sampled_from(("coco", "geojson")),
)
def test_a_dataset_comes_back(tmp_path_factory, images, file_format):
    """Out of one dataset folder and into another: the regions are equal."""
    root = tmp_path_factory.mktemp("round")
    first, rows = root / "first", []
    for n, found in enumerate(images):
        name = f"Ausstrich № {n}.é"
        image_io.write_png(first / "images" / f"{name}.png", np.zeros((40, 60, 3), np.uint8))
        image_io.write_mask(first / "masks" / f"{name}.png", np.zeros((40, 60), bool))
        for (ymin, ymax), (xmin, xmax), types, more, complete in found:
            cells = max(1, len(types)) + more
            rows.append((name, ymin, xmin, ymax, xmax, ";".join(types), cells, complete))
    with (first / "regions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([dataset.REGIONS_HEADER, *rows])
    _TYPES.save(first / "cell_types.yaml")
    summary = exporting.export(sources.dataset(first), file_format, root / "out")
    assert (summary.images, summary.regions) == (len(images), len(rows))
    path = root / "out" / "coco.json" if file_format == "coco" else root / "out"
    import_annotations(file_format, path, first / "images", root / "second", _TYPES)
    expected, back = dataset.load_dataset(first), dataset.load_dataset(root / "second")
    assert back.cell_types == expected.cell_types
    for ours, theirs in zip(expected, back, strict=True):
        assert ours.name == theirs.name
        assert regions.find_regions(ours) == regions.find_regions(theirs)


def test_masks_and_points_of_a_dataset(tmp_path):
    """The regions of a mask are boxes; labelled cells are points where the format has them."""
    mask = np.zeros((40, 60), bool)
    mask[5:15, 20:32] = True
    image_io.write_png(tmp_path / "d" / "images" / "a.png", np.zeros((40, 60, 3), np.uint8))
    image_io.write_mask(tmp_path / "d" / "masks" / "a.png", mask)
    (tmp_path / "d" / "cells.csv").write_text("image,x,y,type\na,25.5,8,Stom\n")
    for file_format in exporting.FORMATS:
        exporting.export(sources.dataset(tmp_path / "d"), file_format, tmp_path / file_format)
    (annotation,) = json.loads((tmp_path / "coco" / "coco.json").read_text())["annotations"]
    assert annotation["bbox"] == [20, 5, 12, 10]
    assert (annotation["types"], annotation["num_cells"]) == (["Stom"], 1)
    region, point = json.loads((tmp_path / "geojson" / "a.png.geojson").read_text())["features"]
    assert region["properties"]["objectType"] == "annotation"
    assert point["geometry"] == {"type": "Point", "coordinates": [25.5, 8]}
    assert point["properties"]["classification"]["name"] == "Stom"
    with zipfile.ZipFile(tmp_path / "imagej" / "a.png.zip") as archive:
        assert archive.namelist() == ["0001 Stom.roi"]
    # Out of the dataset since it was read: told, not raised.
    source = sources.dataset(tmp_path / "d")
    (tmp_path / "d" / "masks" / "a.png").unlink()
    summary = exporting.export(source, "geojson", tmp_path / "again")
    assert summary.images == 0
    assert "a.png: cannot be read" in summary.problems[0]


def test_the_tool(tmp_path):
    folder = _write_results(tmp_path / "results", _BOXES)
    (folder / "images" / "z.tif.json").write_text("{}")
    command = [sys.executable, _ROOT / "tools" / "export_annotations.py", "--format=geojson"]
    command += [f"--results_dir={folder}", f"--output_dir={tmp_path / 'out'}"]
    done = subprocess.run([*command, "--object_type=annotation"], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"not written: {folder / 'images' / 'z.tif.json'}: height must be" in done.stdout
    assert "written: 3 regions of 2 images" in done.stdout
    assert '"objectType": "annotation"' in (tmp_path / "out" / "b é.png.geojson").read_text("utf-8")
