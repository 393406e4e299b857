"""Figure 2: which region is followed, and what is written of the run."""

import string

import numpy as np
import pytest

from rbc_tf.core import boxes as box_lib
from rbc_tf.core.types import Region
from rbc_tf.figures import workflow
from rbc_tf.figures.drawing.captions import Thresholds
from rbc_tf.figures.drawing.predicted_patches import PredictedPatch
from tests.figures import layout


def _words(**changes):
    """The values in the lines of the steps, as short as they can be."""
    templates = [*workflow._IMAGE_STEPS.values(), *workflow._REGION_STEPS.values()]
    names = {
        name
        for texts in templates
        for text in texts
        for _, name, _, _ in string.Formatter().parse(text)
        if name
    }
    return dict.fromkeys(names, 3) | changes


def _draw(num_types, detected=True, **changes):
    labels = np.array([1, 0, -1, *[0] * 9], np.int8)[:num_types]
    probabilities = np.linspace(0.9, 0.1, num_types)
    patch = layout.IMAGE[:40, :40]
    region = workflow.FollowedRegion(
        row=1,
        features=np.linspace(0, 1, 64),
        predicted=PredictedPatch(patch, "smear_1", 2, labels, probabilities),
        abnormal=0.3,
        truly_abnormal=True,
    )
    return workflow.draw(
        layout.IMAGE,
        layout.BOXES if detected else layout.BOXES[:0],
        region if detected else None,
        Thresholds(layout.NAMES[:num_types], np.full(num_types, 0.5)),
        0.5,
        _words(**changes),
    )


@pytest.mark.parametrize("num_types", layout.TYPE_COUNTS)
def test_workflow(num_types):
    figure = _draw(num_types, image="smear_1", network="VGG", trees=None, backbone="")
    layout.check(figure)
    texts = layout.texts(figure)
    for text in ("1  Smear", "6  Abnormality", "image smear_1 of the", "VGG", "Oval", "normal"):
        assert any(line.startswith(text) for line in texts), text
    assert "true: abnormal \u2717" in texts
    # What is not known of the run has no line.
    assert not any("trees" in line or "weights" in line for line in texts)


def test_much_to_write():
    much = "more than one line of any of these columns holds " * 4
    layout.check(_draw(6, image=much, images=much, detector=much, crop=much, network=much))


def test_an_image_without_detections():
    figure = _draw(6, detected=False, num_detected=0)
    layout.check(figure)
    texts = layout.texts(figure)
    assert "nothing was detected in this image" in texts
    assert "regions with a score of 3 or more: 0" in texts


def test_the_region_that_is_followed():
    def region(xmin, types, num_cells, complete=True):
        return Region((0, xmin, 10, xmin + 10), types, num_cells, len(types), complete)

    truth = (
        region(0, ("Oval",), 3),
        region(10, ("Oval", "Stom"), 2),
        region(20, ("Oval", "Elon"), 4),
        region(30, ("Oval", "Elon", "Stom"), 5, complete=False),
    )
    found = box_lib.as_boxes([truth[n].box for n in (3, 0, 1, 2)])
    # Of the complete ones with two types, the one with four cells: detection 3, region 2.
    assert workflow.choose_region(truth, found) == (3, 2)
    assert workflow.choose_region(truth, found[:3]) == (2, 1)
    assert workflow.choose_region(truth, found[:1]) == (0, -1)
    assert workflow.choose_region((), found) == (0, -1)


def test_features_as_a_grid_without_gaps():
    assert workflow.feature_grid(np.arange(2048)).shape == (32, 64)
    np.testing.assert_array_equal(workflow.feature_grid(np.arange(6)), [[0, 1, 2], [3, 4, 5]])
    assert workflow.feature_grid(np.arange(7)).shape == (1, 7)
