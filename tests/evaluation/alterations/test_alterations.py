"""What alterations do to an image, and where a chain finds things in altered ones."""

import types

import numpy as np
import pytest

from rbc_tf.core import score as score_lib
from rbc_tf.core.types import Detections
from rbc_tf.evaluation.alterations import run
from rbc_tf.evaluation.alterations.alterations import ALTERATIONS
from rbc_tf.evaluation.alterations.run import AlteredChain
from rbc_tf.inference.cell_scale import View
from rbc_tf.inference.view_config import CommonScale, ViewConfig


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(40, 200, (24, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ALTERATIONS)
def test_each_gives_an_image_and_leaves_its_own(name, image):
    before = image.copy()
    altered = ALTERATIONS[name](image)
    np.testing.assert_array_equal(image, before)
    assert (altered.dtype, altered.ndim, altered.shape[2]) == (np.uint8, 3, 3)
    assert np.array_equal(altered, image) == (name == "as they are")


def test_light_and_colour_by_hand():
    pixel = np.uint8([[[100, 100, 250]]])
    assert ALTERATIONS["brighter by 20 %"](pixel).tolist() == [[[120, 120, 255]]]
    assert ALTERATIONS["darker by 30 %"](pixel).tolist() == [[[70, 70, 175]]]
    assert ALTERATIONS["warmer"](pixel).tolist() == [[[110, 100, 212]]]
    assert len(set(ALTERATIONS["grey"](pixel)[0, 0].tolist())) == 1


@pytest.mark.parametrize(("name", "side"), [("half the size", 0.5), ("twice the size", 2.0)])
def test_what_is_found_is_in_pixels_of_the_image_before(name, side, image):
    def look(altered):
        height, width = altered.shape[:2]
        assert (height, width) == (24 * side, 32 * side)
        boxes = np.float32([[0, 0, height / 2, width]])
        return View(altered, 1.0, (height, width), Detections(boxes, np.float32([0.9])), 1.5)

    chain = types.SimpleNamespace(
        manifest=None,
        classifier=None,
        classify=None,
        outputs=None,
        look=look,
        unlike=lambda view, altered: {"brightness": "3"} if altered is view.pixels else {},
    )
    altered = AlteredChain(chain, ALTERATIONS[name])
    view = altered.look(image)
    np.testing.assert_allclose(view.to_source(view.detections.boxes), [[0, 0, 12, 32]])
    np.testing.assert_allclose(
        view.from_source(np.float32([[0, 0, 12, 32]])), view.detections.boxes
    )
    assert (altered.num_scaled, altered.num_lit, altered.num_unlike) == (0, 1, 1)


def test_the_scale_in_common_is_that_of_the_altered_images(image, monkeypatch):
    looked_at, evaluated = [], []
    monkeypatch.setattr(run.bundle_run, "read", lambda sample: image)
    monkeypatch.setattr(
        run.bundle_run, "evaluate", lambda altered, *_: evaluated.append(altered) or []
    )
    chain = types.SimpleNamespace(manifest=None, classifier=None, classify=None, outputs=None)

    def applied(chain, samples, read):
        looked_at.extend(read(sample).shape[:2] for sample in samples)
        view_config = ViewConfig(common=CommonScale(12 / read(samples[0]).shape[0], 20.0))
        return types.SimpleNamespace(
            **{**vars(chain), "outputs": "in common", "view_config": view_config}
        )

    monkeypatch.setattr(run.common_scale, "applied", applied)
    scores = run.compare(chain, ["a", "b"], None, ["as they are", "half the size"])
    assert looked_at == [(24, 32), (24, 32), (12, 16), (12, 16)]
    assert [altered.outputs for altered in evaluated] == ["in common"] * 2
    factors = score_lib.select(scores, "common_factor")
    assert [(s.of["altered"], s.value) for s in factors] == [
        ("as they are", 0.5),
        ("half the size", 1.0),
    ]


def test_unknown_alterations_are_refused_before_any_work():
    with pytest.raises(ValueError, match="Received: twice"):
        run.compare(None, [], None, ["as they are", "twice"])
