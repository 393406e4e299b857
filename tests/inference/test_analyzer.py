"""The Python API: a bundle loaded, images analysed, and the same as the command writes."""

import csv
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

import rbc_tf
from rbc_tf.core import image_io
from rbc_tf.core.cell_types import PAPER
from rbc_tf.inference import analyze, cell_scale, chain, image_analysis, light
from rbc_tf.inference import bundle as bundles
from rbc_tf.inference.image_analysis import SourceImage
from rbc_tf.inference.run_config import RunConfig
from rbc_tf.inference.view_config import CommonScale, ViewConfig
from tests import tiny_bundle
from tests.inference.squares import detect, squares

_ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle.write(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def analyzer(bundle):
    return rbc_tf.load(bundle.path, precision="float32")


@pytest.fixture
def images(tmp_path):
    """Files with 0, 1, 5 and 35 regions; the last is larger than a tile."""
    paths = []
    for count, size in ((0, (48, 64)), (1, (30, 33)), (5, (60, 80)), (200, (100, 140))):
        paths.append(tmp_path / "in" / f"{count:03d}.png")
        image_io.write_png(paths[-1], tiny_bundle.image(count, *size))
    return paths


def test_a_loaded_bundle_says_what_it_predicts(analyzer):
    assert analyzer.cell_types == PAPER
    assert analyzer.thresholds == dict(
        zip(PAPER.names, tiny_bundle.CALIBRATION.thresholds, strict=True)
    )
    assert analyzer.precision == "float32"


def test_the_command_writes_what_the_api_answers(bundle, analyzer, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(bundle, images[0].parent, out, RunConfig(precision="float32"))
    answered = [analyzer.analyze(path) for path in images]
    assert [len(analysis.regions) for analysis in answered[:3]] == [0, 1, 5]
    for path, analysis in zip(images, answered, strict=True):
        assert analysis.to_json() == json.loads((out / "images" / f"{path.name}.json").read_text())
    with (out / "regions.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    found = [row for analysis in answered for row in analysis.to_dicts()]
    assert len(found) == len(rows) > 6
    assert [list(row) for row in found] == [header] * len(rows)
    assert [[str(value) for value in row.values()] for row in found] == rows


def test_images_are_scaled_as_those_of_earlier_results(bundle, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(bundle, images[0].parent, out, RunConfig(precision="float32"))
    assert _view(bundle, scale_of=out) == ViewConfig()  # this bundle knows no size of cells
    (out / "scale.json").write_text('{"common": {"factor": 0.5, "size": 40.0}}')
    assert _view(bundle, scale_of=out) == ViewConfig(common=CommonScale(0.5, 40.0))
    with pytest.raises(ValueError, match=r"must be without `scale`\. Received: scale 0\.5"):
        _view(bundle, scale_of=out, scale=0.5)
    with pytest.raises(ValueError, match=r"must hold results of rbc_tf analyze"):
        _view(bundle, scale_of=images[0].parent)
    (out / "scale.json").write_text("{")
    with pytest.raises(ValueError, match=r"scale\.json: the file is damaged"):
        _view(bundle, scale_of=out)


def _view(bundle, **given):
    """How a loaded bundle looks at images."""
    return rbc_tf.load(bundle.path, precision="float32", **given)._chain.view_config


def test_regions_are_objects(analyzer):
    analysis = analyzer.analyze(tiny_bundle.image(200), name="mine")
    assert (analysis.image, analysis.image_sha256) == ("mine", None)
    assert (analysis.height, analysis.width) == (48, 64)
    assert len(analysis.regions) == tiny_bundle.MOST_FOUND
    for region in analysis.regions:
        assert region.box == (region.box.ymin, region.box.xmin, region.box.ymax, region.box.xmax)
        assert 0 <= region.box.ymin < region.box.ymax <= 48
        assert 0 <= region.box.xmin < region.box.xmax <= 64
        assert list(region.probabilities) == list(PAPER.names)
        above = [n for n, p in region.probabilities.items() if p > analyzer.thresholds[n]]
        assert list(region.labels) == above
        assert region.abnormal == (region.abnormal_probability > 0.5)
    assert len({region.labels for region in analysis.regions}) > 1
    assert {region.abnormal for region in analysis.regions} == {True, False}
    assert analysis.num_abnormal_regions == sum(r.abnormal for r in analysis.regions)
    assert analysis.num_regions_by_type["Oval"] == sum("Oval" in r.labels for r in analysis.regions)


def test_pixels_are_taken_as_files_are(analyzer, images):
    for path in images:
        of_pixels = analyzer.analyze(image_io.read_image(path))
        assert of_pixels.regions == analyzer.analyze(str(path)).regions
    grey = tiny_bundle.image(4)[..., 0]
    image_io.write_png(images[0], grey)
    assert analyzer.analyze(grey).regions == analyzer.analyze(images[0]).regions
    assert len(analyzer.analyze(grey).regions) == 4


@pytest.mark.parametrize(
    ("pixels", "received"),
    [
        (np.zeros((4, 4, 3), np.float32), r"float32 \[4, 4, 3\]"),
        (np.zeros((4, 4, 3), np.uint16), "uint16"),
        (np.zeros((4, 4, 4), np.uint8), r"\[4, 4, 4\]"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"\[2, 4, 4, 3\]"),
        (np.zeros(4, np.uint8), r"\[4\]"),
        (np.zeros((0, 4, 3), np.uint8), r"must have pixels.*\[0, 4, 3\]"),
        (np.zeros((4, 0), np.uint8), r"must have pixels.*\[4, 0\]"),
    ],
)
def test_other_pixels_are_refused(analyzer, pixels, received):
    with pytest.raises(ValueError, match=received):
        analyzer.analyze(pixels)


def test_other_objects_are_refused(analyzer):
    with pytest.raises(TypeError, match="Received: list"):
        analyzer.analyze([[0, 1], [2, 3]])


def test_several_images_come_in_order(analyzer, images):
    mixed = [images[2], tiny_bundle.image(3), str(images[1])]
    found = list(analyzer.analyze_all(iter(mixed)))
    assert [len(analysis.regions) for analysis in found] == [5, 3, 1]
    assert [analysis.image for analysis in found] == [images[2].name, "", images[1].name]
    assert list(analyzer.analyze_all([])) == []


def test_several_images_are_read_as_they_are_needed(analyzer):
    taken = []

    def many():
        for number in range(1000):
            taken.append(number)
            yield tiny_bundle.image(1)

    several = analyzer.analyze_all(many())
    next(several)
    several.close()
    assert len(taken) < 10


def test_a_file_that_cannot_be_read(analyzer, images, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"")
    with pytest.raises(ValueError, match=r"broken\.png: the file is empty"):
        analyzer.analyze(broken)
    several = analyzer.analyze_all([images[1], broken, images[2]])
    assert len(next(several).regions) == 1
    with pytest.raises(image_io.ImageError, match=r"broken\.png"):
        next(several)
    errors = []
    kept = analyzer.analyze_all(
        [images[1], broken, images[2]], on_error=lambda *error: errors.append(error)
    )
    assert [len(analysis.regions) for analysis in kept] == [1, 5]
    ((image, error),) = errors
    assert image == broken
    assert "empty" in str(error)


def test_a_file_that_can_be_read_and_not_analysed(bundle, images, monkeypatch):
    monkeypatch.setattr(cell_scale, "_MOST_ENLARGED_PIXELS", 1000)
    enlarged = rbc_tf.load(bundle.path, scale="8")
    errors = []
    assert not list(enlarged.analyze_all([images[1]], on_error=lambda *error: errors.append(error)))
    assert "at most 1,000 pixels" in str(errors[0][1])


def test_a_dark_image_is_looked_at_in_more_light(bundle):
    """Types are predicted, and warnings given, as if light and scale were each asked for alone."""
    seen = dataclasses.replace(bundle.manifest, appearance={"brightness": (150.0, 240.0)})
    learnt = dataclasses.replace(bundle, manifest=seen)
    pixels = tiny_bundle.image(4) // 3
    dark = chain.Chain(learnt).analyze(pixels)
    assert dark.gain == light.gain_for(pixels, seen.appearance) > 2
    as_it_is = chain.Chain(learnt, view_config=ViewConfig.as_it_is())
    assert as_it_is.analyze(pixels).gain == 1
    lit = as_it_is.analyze(light.lit(pixels, dark.gain))
    np.testing.assert_array_equal(dark.boxes, lit.boxes)
    np.testing.assert_array_equal(dark.probabilities, lit.probabilities)
    with pytest.raises(ValueError, match=r"The light must be auto or none\. Received: 'dim'"):
        rbc_tf.load(bundle.path, light="dim")
    analysis = image_analysis.analyze(chain.Chain(learnt), SourceImage("", None, pixels))
    assert analysis.gain == dark.gain
    assert list(analysis.unlike) == ["darker"]


def test_what_is_looked_at_again_is_detected_once(bundle, monkeypatch):
    """Where a folder's common scale is looked for; another image, or a third look, is detected."""
    parts = chain.Chain(bundle)
    detected = []
    detect = parts._detector.predict_batch
    monkeypatch.setattr(
        parts._detector, "predict_batch", lambda batch: detected.append(1) or detect(batch)
    )
    image, other = tiny_bundle.image(2), tiny_bundle.image(3)
    first = parts.look(image, looked_at_again=True)
    again = parts.viewing(parts.view_config).look(image.copy())
    assert len(detected) == 1
    np.testing.assert_array_equal(again.detections.boxes, first.detections.boxes)
    assert not parts._remembered
    parts.look(image, looked_at_again=True)
    assert len(parts.look(other).detections.boxes) == len(first.detections.boxes) + 1
    assert len(detected) == 3


def test_what_is_scaled_is_not_remembered(bundle, monkeypatch):
    """It does not come again: in the end nothing is left."""
    seen = dataclasses.replace(bundle.manifest, appearance={"cell_size": (18.0, 22.0)})
    parts = chain.Chain(dataclasses.replace(bundle, manifest=seen))
    monkeypatch.setattr(parts._detector, "predict_batch", lambda batch: list(map(detect, batch)))
    image = squares(32)
    assert parts.look(image, looked_at_again=True).factor < 1
    assert len(parts._remembered) == 1
    assert parts.look(image).factor < 1
    assert not parts._remembered


def test_thresholds_of_the_paper(bundle):
    plain = rbc_tf.load(bundle.path, plain_thresholds=True, precision="float32")
    assert plain.thresholds == dict.fromkeys(PAPER.names, 0.5)


def test_a_bundle_that_changes_after_its_check_is_not_used(bundle, tmp_path):
    checked = bundles.load_bundle(shutil.copytree(bundle.path, tmp_path / "bundle"))
    path = checked.path / "classifier" / "classifier.json"
    path.write_text(path.read_text() + " ")
    with pytest.raises(bundles.BundleError, match=r"classifier\.json has been changed"):
        chain.Chain(checked)


def test_what_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is no bundle"):
        rbc_tf.load(tmp_path)


def _python(code):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def test_the_package_is_imported_without_tensorflow():
    code = "import sys, rbc_tf; print(sorted({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    assert _python(code) == "[]"


def test_the_package_is_imported_at_once():
    seconds = "import time; t = time.perf_counter(); import rbc_tf; print(time.perf_counter() - t)"
    fastest = min(float(_python(seconds)) for _ in range(3))
    start = time.perf_counter()
    _python("pass")
    # A loaded machine may take its time for anything: never more than ten empty starts.
    assert fastest < max(0.2, 10 * (time.perf_counter() - start))


def test_public_names():
    assert set(rbc_tf.__all__) <= set(dir(rbc_tf))
    for name in rbc_tf.__all__:
        assert getattr(rbc_tf, name) is not None
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = rbc_tf.nothing_such


def test_analysing_needs_no_extra(bundle, images):
    """Nothing that trains, serves, draws for a browser or reads other formats is imported."""
    others = {"official", "tf_keras", "orbit", "apache_beam", "selenium", "shapely", "roifile"}
    others |= {"tensorflow_serving", "tensorboard"}
    code = (
        "import sys, rbc_tf\n"
        f"analyzer = rbc_tf.load({str(bundle.path)!r}, precision='float32')\n"
        f"print(len(analyzer.analyze({str(images[2])!r}).regions))\n"
        f"print(sorted({others!r} & set(sys.modules)))"
    )
    assert _python(code).splitlines()[-2:] == ["5", "[]"]
