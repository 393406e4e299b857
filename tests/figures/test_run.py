"""All figures of a tiny dataset folder, with a chain that answers what we say."""

import dataclasses

import numpy as np
import pytest

from rbc_tf.core.cell_types import PAPER
from rbc_tf.core.types import AnalyzedRegions, Detections
from rbc_tf.data import dataset
from rbc_tf.features.crops import CropConfig
from rbc_tf.figures import run as figures
from rbc_tf.figures import sources as figure_sources
from rbc_tf.figures.drawing import style
from rbc_tf.figures.sources import FigureSettings
from rbc_tf.inference import bundle as bundles
from tests import builders

_OVAL, _STOM = 0, 5

# (y, x, type) of discs of radius 10. In image `a` the first two touch and the third is alone; in
# image `b` two stand alone; image `c` belongs to training.
_CELLS = {
    "a": [(20, 20, "Oval"), (20, 39, "Stom"), (45, 70, "Oval")],
    "b": [(20, 20, "Oval"), (40, 60, "Stom")],
    "c": [(20, 20, "Echi")],
}
_SPLITS = {"a": "test", "b": "test", "c": "train"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    masks = {
        name: builders.discs(60, 90, *((y, x, 10) for y, x, _ in discs))
        for name, discs in _CELLS.items()
    }
    return builders.write_dataset(
        tmp_path_factory.mktemp("smears"),
        {
            name: np.where(mask[..., None], (180, 90, 110), (230, 225, 220)).astype(np.uint8)
            for name, mask in masks.items()
        },
        masks=masks,
        splits=[(name, f"slide_{name}", split) for name, split in _SPLITS.items()],
        cells=[(name, x, y, kind) for name, discs in _CELLS.items() for y, x, kind in discs],
    )


class _Chain:
    """Finds the two touching cells and names both; the single cell it takes for a stomatocyte."""

    def __init__(self, bundle, view_config):
        self.manifest = bundle.manifest

    def detect(self, image):
        boxes = [[10, 10, 31, 50], [35, 60, 56, 81], [0, 0, 8, 8]]
        return Detections(np.array(boxes, np.float32), np.array([0.99, 0.8, 0.2], np.float32))

    def analyze(self, image):
        found = self.detect(image)
        probabilities, abnormal = self.classify(image, found.boxes[:2])
        return AnalyzedRegions(found.boxes[:2], found.scores[:2], probabilities, abnormal)

    def classify(self, image, boxes):
        probabilities = np.full((len(boxes), 6), 0.1, np.float32)
        probabilities[:, _STOM] = 0.9
        probabilities[boxes[:, 3] - boxes[:, 1] > 30, _OVAL] = 0.7
        return probabilities, np.full(len(boxes), 0.75)

    def features(self, image, boxes):
        return np.zeros((len(boxes), 16), np.float32)

    def labels(self, probabilities):
        return probabilities > 0.5


class _UNet:
    """Sees what is dark: cells that touch are one."""

    def segment(self, image):
        return image[..., 1] < 150


@pytest.fixture
def settings(monkeypatch, tmp_path):
    manifest = builders.manifest(crop=CropConfig(size=32), backbone="/x/random.h5")
    bundle = bundles.Bundle(tmp_path / "bundle", manifest, "sha")
    monkeypatch.setattr(figure_sources.pretrained, "find", lambda path: bundle)
    monkeypatch.setattr(figure_sources, "Chain", _Chain)
    monkeypatch.setattr(figure_sources.UNet, "load", classmethod(lambda cls, path: _UNet()))
    monkeypatch.setattr(style, "_FORMATS", {"svg": 30})
    _predictions().save(tmp_path / "cv" / "predictions.npz")
    return FigureSettings(tmp_path / "bundle", tmp_path / "cv", tmp_path / "unet.keras")


def _predictions():
    """Of three regions: A right and B wrong, both right, and one whose labels are not complete."""
    labels = np.array([[1, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0], [1, -1, -1, -1, -1, -1]], np.int8)
    a = np.where(labels == 1, 0.9, 0.1).astype(np.float32)
    b = a.copy()
    b[[0, 2], 0] = 0.2
    return builders.predictions(
        PAPER.names,
        labels,
        {"A": a, "B": b},
        images=["a", "c", "a"],
        boxes=[[10, 10, 31, 50], [10, 10, 31, 31], [35, 60, 56, 81]],
        num_cells=[2, 1, 1],
        complete=[True, True, False],
        folds=[0, 1, 0],
    )


def _captions(folder):
    return builders.read_json(folder / "captions.json")


def test_all_figures(root, settings, tmp_path):
    out = tmp_path / "out"
    result = figures.make_figures(dataset.load_dataset(root), out, settings)
    assert list(result.made) == list(range(1, 9))
    assert result.left_out == {}
    for number in range(1, 9):
        assert (out / f"figure_{number}.svg").stat().st_size > 1000
    facts = {int(n): entry["facts"] for n, entry in _captions(out).items()}
    for number in set(facts) - {6}:
        assert (facts[number]["split"], facts[number]["num_images"]) == ("test", 2)
    # Single cells of the test images: Oval in `a` and `b`, Stom in `b`; that of `c` is no test's.
    assert facts[1]["regions_by_type"] == {
        "Oval": 2, "Elon": 0, "Reti": 0, "Gran": 0, "Echi": 0, "Stom": 1
    }  # fmt: skip
    # `a` is the image with a multi-cell region.
    assert [facts[number]["image"] for number in (2, 3, 4, 7)] == ["a"] * 4
    assert facts[2]["run"]["num_images"] == {"train": 1, "test": 2}
    assert facts[2]["run"]["num_regions"] == 4
    assert (facts[3]["regions"], facts[3]["multi_cell_regions"]) == (2, 1)
    assert (facts[4]["detections"], facts[4]["detections_not_drawn"]) == (2, 1)
    # The pair first; exactly right are the pair and the stomatocyte of `b`, not the two Ovals.
    assert [region["num_cells"] for region in facts[5]["regions"]] == [2, 1, 1, 1]
    assert facts[5]["right"] == 2
    assert facts[6]["all_regions"] == {"both_right": 1, "only_a": 1, "only_b": 0, "both_wrong": 0}
    assert facts[6]["mixed_regions"]["only_a"] == 1
    assert [region["image"] for region in facts[6]["regions"]] == ["a"]
    counts = {"right": 1, "wrong": 1, "missed": 0, "false_positive": 0, "unscored": 0}
    assert {name: facts[7][name] for name in counts} == counts
    assert facts[7]["abnormal_right"] == 1
    assert facts[8]["right_over_candidates"] == {"watershed": 1, "U-Net": 0}
    markdown = (out / "captions.md").read_text(encoding="utf-8")
    assert markdown.count("**Figure ") == 8


def test_what_cannot_be_made_is_told(root, tmp_path, monkeypatch):
    monkeypatch.setattr(style, "_FORMATS", {"svg": 30})
    out = tmp_path / "out"
    result = figures.make_figures(dataset.load_dataset(root), out)
    assert list(result.made) == [1, 3, 8]
    assert {n for n, reason in result.left_out.items() if "bundle" in reason} == {2, 4, 5, 7}
    assert "cross-validation" in result.left_out[6]
    assert "no trained U-Net" in _captions(out)["8"]["text"]
    assert sorted(_captions(out)) == ["1", "3", "8"]


def test_the_image_asked_for(root, settings, tmp_path):
    loaded = dataset.load_dataset(root)
    chosen = FigureSettings(settings.bundle, image="b")
    assert figures.make_figures(loaded, tmp_path, chosen, [3]).left_out == {}
    assert _captions(tmp_path)["3"]["facts"]["image"] == "b"
    with pytest.raises(ValueError, match=r"one of the split 'test'.*Received: 'c'"):
        figures.make_figures(loaded, tmp_path, FigureSettings(image="c"), [3])


def test_a_split_without_a_region_of_several_cells(root, settings, tmp_path):
    loaded = dataset.load_dataset(root)
    result = figures.make_figures(loaded, tmp_path, FigureSettings(split="train"), [1, 3, 8])
    assert list(result.made) == [1, 3]
    assert "several cells" in result.left_out[8]


def test_errors_are_told_before_any_figure(root, settings, tmp_path):
    loaded = dataset.load_dataset(root)
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="1 to 8"):
        figures.make_figures(loaded, out, settings, [3, 9])
    with pytest.raises(ValueError, match="split 'validation'"):
        figures.make_figures(loaded, out, FigureSettings(split="validation"), [3])
    (tmp_path / "cv" / "predictions.npz").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"predictions\.npz must hold"):
        figures.make_figures(loaded, out, settings, [3])
    with pytest.raises(OSError, match=r"nowhere.*predictions\.npz"):
        figures.make_figures(loaded, out, FigureSettings(cross_validation_dir="nowhere"), [3])
    assert not out.exists()


def test_predictions_of_other_types(root, settings, tmp_path):
    found = _predictions()
    fewer = dataclasses.replace(
        found,
        names=("Oval",),
        labels=found.labels[:, :1],
        probabilities={model: p[:, :1] for model, p in found.probabilities.items()},
    )
    fewer.save(tmp_path / "cv" / "predictions.npz")
    with pytest.raises(ValueError, match="must be of the dataset's types"):
        figures.make_figures(dataset.load_dataset(root), tmp_path / "out", settings, [6])


def test_predictions_of_other_images(root, settings, tmp_path):
    found = dataclasses.replace(_predictions(), images=np.array(["elsewhere"] * 3))
    found.save(tmp_path / "cv" / "predictions.npz")
    result = figures.make_figures(dataset.load_dataset(root), tmp_path / "out", settings, [6])
    assert "'elsewhere'" in result.left_out[6]
