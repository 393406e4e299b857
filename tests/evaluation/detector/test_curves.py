"""The picture of a detector's scores: what is drawn, whatever the scores."""

import numpy as np
import pytest
from PIL import Image

from rbc_tf.core.types import Detections, Region
from rbc_tf.evaluation.detector import curves
from rbc_tf.evaluation.detector.scores import DetectedImage, ScoringConfig, score_detector

_CONFIG = ScoringConfig(num_resamples=20)


def _scores(num_images, num_regions):
    box = np.array([[0, 0, 10, 10]] * num_regions, np.float32).reshape(-1, 4)
    found = Detections(box, np.full(num_regions, 0.9, np.float32))
    regions = (Region((0, 0, 10, 10)),) * num_regions
    names = [f"{n}" for n in range(num_images)]
    images = [DetectedImage(name, name, found, regions, np.zeros((0, 2))) for name in names]
    return score_detector(images, _CONFIG)


def _curve(min_iou, average_precision=0.5):
    return curves.Curve(min_iou, average_precision, np.array([1.0, 0.5]), np.array([0.2, 0.6]))


@pytest.mark.parametrize(("num_images", "num_regions"), [(1, 0), (1, 1), (2, 1), (3, 2)])
def test_both_files_are_written(tmp_path, num_images, num_regions):
    drawn = [_curve(0.5), _curve(0.75), _curve(0.9, None)]
    scores = _scores(num_images, num_regions)
    png, svg = curves.write_detector_curves(tmp_path / "curve", drawn, scores, 0.5)
    assert (png.name, svg.name) == ("curve.png", "curve.svg")
    with Image.open(png) as picture:
        assert picture.width > 1000
        # The first line is drawn in its colour, and so is the second.
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    for colour in ((0, 0x72, 0xB2), (0xD5, 0x5E, 0)):
        assert (pixels == colour).all(axis=1).sum() > 50
    assert svg.read_text().startswith("<?xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.png", "curve.svg"]


def test_the_same_scores_give_the_same_files(tmp_path):
    scores = _scores(2, 2)
    first = curves.write_detector_curves(tmp_path / "a", [_curve(0.5)], scores, 0.5)
    second = curves.write_detector_curves(tmp_path / "b", [_curve(0.5)], scores, 0.5)
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


@pytest.mark.parametrize("count", [0, 5])
def test_as_many_curves_as_there_are_styles(tmp_path, count):
    with pytest.raises(ValueError, match="1 to 4 curves"):
        curves.write_detector_curves(tmp_path / "x", [_curve(0.5)] * count, _scores(1, 1), 0.5)
