"""In which size images are looked at, with a detector that finds white squares."""

import types

import cv2
import numpy as np
import pytest

from rbc_tf.core.image_io import ImageError
from rbc_tf.core.types import Detections
from rbc_tf.inference import cell_scale
from rbc_tf.inference.cell_scale import View
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.view_config import CommonScale, ViewConfig
from tests import builders
from tests.inference.squares import detect, squares

_SEEN = {"cell_size": (18.0, 22.0)}


def _look(image, config=ViewConfig(), seen=_SEEN, training_size=(300, 400), detect=detect):
    return cell_scale.look(detect, image, config, seen, training_size, 0.5)


def test_cells_of_the_size_learnt_stay_as_they_are():
    image = squares(20)
    view = _look(image)
    assert view.factor == 1
    assert view.pixels is image
    assert view.to_source(view.detections.boxes) is view.detections.boxes


@pytest.mark.parametrize("side", [8, 40, 50])
def test_others_are_made_as_large_and_found_where_they_are(side):
    image = squares(side, (600, 800))
    view = _look(image)
    assert view.factor == pytest.approx(np.sqrt(18 * 22) / side, rel=0.1)
    assert view.cell_size(0.5) == pytest.approx(20, rel=0.1)
    found, expected = view.to_source(view.detections.boxes), detect(image).boxes
    order = np.lexsort(found.T[:2].round(-1)), np.lexsort(expected.T[:2].round(-1))
    np.testing.assert_allclose(found[order[0]], expected[order[1]], atol=1.5 / view.factor)
    np.testing.assert_allclose(view.to_source(view.from_source(expected)), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("seen", "side", "is_scaled"),
    [
        # Of 10 to 40 pixels the middle 0.7 are 20 / 4^0.35 to 20 * 4^0.35: 12.3 to 32.5.
        ((10.0, 40.0), 12, True),
        ((10.0, 40.0), 13, False),
        ((10.0, 40.0), 32, False),
        ((10.0, 40.0), 33, True),
        # Of one size alone 14 % more or less: 17.5 to 22.8.
        ((20.0, 20.0), 17, True),
        ((20.0, 20.0), 18, False),
        ((20.0, 20.0), 22, False),
        ((20.0, 20.0), 23, True),
    ],
)
def test_sizes_in_the_middle_of_those_learnt_stay(seen, side, is_scaled):
    view = _look(squares(side, (600, 800)), seen={"cell_size": seen}, training_size=(600, 800))
    assert (view.factor != 1) == is_scaled


@pytest.mark.parametrize("scale", ["auto", "none"])
def test_crops_of_a_cell_are_put_on_a_margin(scale):
    """Not blown up, as a detector does with a small image; here it would be to 300 x 400."""
    canvases = []

    def note(image):
        canvases.append(image.shape[:2])
        return detect(image)

    crop = squares(20, (38, 39), 1)  # less than two cells of 19.9 pixels
    view = _look(crop, ViewConfig(scale), detect=note)
    assert canvases == [(300, 400)]
    assert view.factor == 1
    np.testing.assert_array_equal(view.detections.boxes, detect(crop).boxes)
    _look(squares(20, (38, 40), 1), ViewConfig(scale), detect=note)
    assert canvases[1] == (38, 40)
    common = CommonScale(0.5, 40.0)
    assert _look(crop, ViewConfig(common=common), detect=note).factor == 0.5
    assert not cell_scale.is_crop(crop, {})


def test_what_merged_at_first_is_corrected_at_the_size_that_tells_it_apart():
    """Cells of 10 pixels, of which fewer merge the larger the image is made."""

    def merging(image):
        factor = image.shape[1] / 400
        side = 10 * factor * (1 + 0.6 / factor**2)
        boxes = 50 + np.tile(np.float32([0, 0, side, side]), (9, 1))
        return Detections(boxes, np.full(9, 0.9, np.float32))

    # 16 pixels at first; 19.9/16 = 1.244: 17.3; 1.244 * 19.9/17.3 = 1.434: 18.5, near enough.
    view = _look(squares(20), detect=merging)
    assert view.factor == pytest.approx(1.434, rel=0.01)
    assert view.cell_size(0.5) == pytest.approx(18.5, rel=0.01)


@pytest.mark.parametrize(
    "changed",
    [{"config": ViewConfig("none")}, {"seen": {}}, {"seen": {"brightness": (100.0, 200.0)}}],
)
def test_nothing_is_scaled_unasked_or_where_no_size_is_known(changed):
    assert _look(squares(50, (600, 800)), **changed).factor == 1


def test_too_few_regions_tell_no_size():
    assert _look(squares(50, (600, 800), count=4)).factor == 1
    assert _look(squares(50, (600, 800), count=5)).factor != 1


def test_a_scale_that_makes_nothing_alike_is_not_taken():
    def stubborn(image):
        """The same 50 pixels, however large the image is."""
        boxes = 50 + np.tile(np.float32([0, 0, 50, 50]), (9, 1))
        return Detections(boxes, np.full(9, 0.9, np.float32))

    assert _look(squares(20), detect=stubborn).factor == 1


def test_a_factor_is_taken_as_it_is_given():
    view = _look(squares(20), ViewConfig("0.5"))
    assert (view.factor, view.pixels.shape) == (0.5, (150, 200, 3))


def test_what_is_scaled_to_less_than_the_training_s_images_gets_a_margin():
    seen = []

    def noting(image):
        seen.append(image.shape)
        return detect(image)

    view = _look(squares(40, (200, 400), count=6), detect=noting)
    assert seen == [(200, 400, 3), (300, 400, 3)]
    assert view.pixels.shape == pytest.approx((100, 200, 3), abs=2)
    assert len(view.detections) == 6
    assert view.to_source(view.detections.boxes).max() < 400


def test_what_lies_in_the_margin_is_left_out():
    def detect(image):
        boxes = np.float32([[80, 10, 118, 40], [90, 10, 130, 40], [200, 10, 220, 40]])
        return Detections(boxes, np.float32([0.9, 0.8, 0.7]))

    pixels = np.full((200, 400, 3), 200, np.uint8)
    found = _look(pixels, ViewConfig("0.5"), detect=detect).detections
    np.testing.assert_array_equal(found.boxes, [[80, 10, 100, 40]])


def test_nothing_is_enlarged_beyond_bounds(monkeypatch):
    monkeypatch.setattr(cell_scale, "_MOST_ENLARGED_PIXELS", 500_000)
    assert _look(squares(8, (600, 800))).factor == 1
    with pytest.raises(ImageError, match=r"at most 500,000 pixels\. Received: 800 x 600"):
        _look(squares(8, (600, 800)), ViewConfig("2"))


def test_regions_without_area_tell_no_size():
    def detect(image):
        return Detections(np.full((9, 4), 50, np.float32), np.full(9, 0.9, np.float32))

    assert _look(squares(20), detect=detect).factor == 1


@pytest.mark.parametrize("scale", ["none", "0.7"])
def test_compression_is_told_of_the_image_as_it_came(scale):
    source = cv2.GaussianBlur(builders.noise_image(300, 300), (0, 0), 2.0)
    view = _look(builders.compressed(source, 20), ViewConfig(scale))
    manifest = types.SimpleNamespace(appearance={"compression": (1.0, 1.05)}, score_threshold=0.5)
    chain = types.SimpleNamespace(manifest=manifest)
    assert Chain.unlike(chain, view, source) == {}
    assert list(Chain.unlike(chain, view, builders.compressed(source, 20))) == ["more compressed"]


@pytest.mark.parametrize("value", ["0", "9", "-1", "nan", "half", ""])
def test_only_sensible_scales_are_taken(value):
    with pytest.raises(ValueError, match=r"auto, none or a factor of 0\.05 to 8"):
        ViewConfig(value)


def test_the_note_counts_what_was_scaled():
    assert cell_scale.note({"a": 1.0}, 3) == ""
    assert cell_scale.note({"a": 0.5}, 3).startswith("1 of 3 images was scaled by 0.5 for")
    assert cell_scale.note({"a": 0.5}, 3, is_given=True).endswith("for the analysis")
    assert "2 of 3 images were scaled by 0.421 to 0.5 for" in cell_scale.note(
        {"a": 0.5, "b": 0.421}, 3
    )


def test_factors_of_images_scaled_one_by_one_tell_several_microscopes():
    assert cell_scale.warning_of_unlike([]) is None
    assert cell_scale.warning_of_unlike([0.66]) is None
    assert cell_scale.warning_of_unlike([1.0, 0.68, 0.9]) is None
    assert "by 0.66 to 1:" in cell_scale.warning_of_unlike([0.9, 1.0, 0.66])


def test_sides_are_rounded_each_on_its_own():
    view = View(np.zeros((3, 5, 3), np.uint8), 0.5, (7, 9), detect(np.zeros((3, 5, 3), np.uint8)))
    np.testing.assert_allclose(view.to_source(np.float32([[0, 0, 3, 5]])), [[0, 0, 7, 9]])


@pytest.mark.parametrize("rotations", [0, 3, 8, 2.0])
def test_only_quarter_turns_that_spread_are_taken(rotations):
    with pytest.raises(ValueError, match="1, 2 or 4"):
        ViewConfig(rotations=rotations)
