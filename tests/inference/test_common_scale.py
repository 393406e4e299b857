"""The scale that images of a folder have in common, with a detector that finds white squares."""

import types

import numpy as np
import pytest

from rbc_tf.core.fingerprint import StaleError
from rbc_tf.core.image_io import ImageError
from rbc_tf.detection.tiling import Tiles
from rbc_tf.inference import cell_scale, common_scale
from rbc_tf.inference.results_folder import SCALE, ResultsFolder
from rbc_tf.inference.view_config import CommonScale, ViewConfig
from tests.inference.squares import detect, squares

# Squares of 20 pixels are wanted. The middle 0.7 of what was seen is 17.4 to 23.0.
_SEEN = {"cell_size": (16.4, 24.4)}
_MANIFEST = types.SimpleNamespace(appearance=_SEEN, score_threshold=0.5)


class FakeChain:
    """As `Chain`, with squares for cells."""

    manifest = _MANIFEST

    tiles = None

    def __init__(self, view_config=ViewConfig()):
        self.view_config = view_config

    def viewing(self, view_config):
        return FakeChain(view_config)

    def look(self, image, looked_at_again=False):
        return cell_scale.look(detect, image, self.view_config, _SEEN, (600, 800), 0.5)


def _squares(side):
    return squares(side, (600, 800))


def _factors(sides, config=ViewConfig()):
    """The factor of each image, at their common scale."""
    chain = common_scale.applied(FakeChain(config), sides, _squares)
    return [chain.look(_squares(side)).factor for side in sides]


def test_smears_that_differ_in_the_size_of_cells_are_not_scaled_one_by_one():
    sides = [16, 18, 20, 22, 24]
    assert FakeChain().look(_squares(16)).factor == pytest.approx(20 / 16, rel=0.02)
    assert _factors(sides) == [1] * 5


def test_images_of_another_microscope_have_one_factor_and_keep_how_they_differ():
    sides = [32, 36, 40, 44, 48]
    assert _factors(sides) == [0.5] * 5


def test_the_median_image_decides():
    assert _factors([20, 20, 20, 20, 26]) == [1] * 5
    assert _factors([40, 40, 40, 40, 48]) == [0.5] * 5


def test_one_that_is_far_from_the_others_is_scaled_by_itself():
    factors = _factors([20] * 11 + [50])
    assert factors[:11] == [1] * 11
    assert factors[11] == pytest.approx(20 / 50, rel=0.03)


def test_images_of_several_microscopes_have_none_in_common():
    factors = _factors([20, 20, 20, 50, 50, 50])
    assert factors[:3] == [1] * 3
    assert factors[3:] == pytest.approx([20 / 50] * 3, rel=0.03)


def test_crops_of_single_cells_say_nothing():
    chain = common_scale.applied(FakeChain(), [38, 38, 38], lambda side: squares(4, (side, side)))
    assert chain.view_config.common is None


def test_fewer_than_three_images_say_nothing():
    factors = _factors([16, 16])
    assert factors == pytest.approx([20 / 16] * 2, rel=0.02)


@pytest.mark.parametrize("scale", ["none", "0.7"])
def test_what_was_asked_for_is_done(scale):
    expected = 1 if scale == "none" else 0.7
    assert _factors([40, 40, 40], ViewConfig(scale)) == [expected] * 3


def test_what_is_far_is_far_from_the_others_not_from_what_was_learnt():
    """Squares of 27 are not made smaller than those of 22 among which they stand."""
    assert _factors([22, 22, 22, 27, 28]) == [1] * 5


def test_an_image_that_cannot_be_read_is_passed_over():
    def read(side):
        if side is None:
            raise ImageError("no image")
        return _squares(side)

    chain = common_scale.applied(FakeChain(), [None, 40, 40, 40], read)
    assert chain.view_config.common.factor == 0.5
    assert chain.view_config.common.size == pytest.approx(40, abs=0.1)
    # Too few are left.
    assert common_scale.applied(FakeChain(), [None, 40, 40], read).view_config.common is None


def test_no_more_than_twelve_images_are_looked_at_from_first_to_last():
    looked_at = []

    def read(place):
        looked_at.append(place)
        return _squares(20)

    common_scale.applied(FakeChain(), list(range(100)), read)
    assert looked_at == np.linspace(0, 99, 12).astype(int).tolist()


@pytest.fixture
def looked_at(monkeypatch):
    """The sizes that a chain with tiles of 240 x 320 looks at, and whether they come again."""
    noted, look = [], FakeChain.look

    def note(self, image, looked_at_again=False):
        noted.append((image.shape[:2], looked_at_again))
        return look(self, image)

    monkeypatch.setattr(FakeChain, "look", note)
    monkeypatch.setattr(FakeChain, "tiles", Tiles(240, 320, overlap=40))
    return noted


@pytest.mark.parametrize(
    ("height", "width", "side", "count", "expected"),
    [
        # Step 240 - 40 - 2 * 2 - 1 = 195 and 275: 3 x 3 tiles, of which the whole is looked at.
        (630, 870, 20, 40, [((630, 870), True)]),
        (630, 871, 20, 400, [((360, 480), False), ((360, 480), False)]),
        # Squares of 40 pixels are looked at in half their size, and in twice the width.
        (1000, 1400, 40, 300, [((360, 480), False), ((360, 480), False)]),
        # All in the first row: there is none in the middle.
        (
            *(900, 1200, 20, 8),
            [
                *(((360, 480), False), ((720, 960), False), ((360, 480), False)),
                ((900, 1200), True),
            ],
        ),
    ],
)
def test_of_large_images_the_middle_is_looked_at(looked_at, height, width, side, count, expected):
    chain = common_scale.applied(
        FakeChain(), [0] * 3, lambda item: squares(side, (height, width), count)
    )
    assert looked_at == expected * 3
    assert chain.view_config.common.size == pytest.approx(side, rel=0.02)
    assert chain.view_config.common.factor == pytest.approx(20 / side, rel=0.02)


@pytest.mark.parametrize("side", [30, 60, 90])
def test_large_cells_cut_off_by_the_border_of_the_middle_do_not_decide(looked_at, side):
    rng = np.random.default_rng(side)

    def read(item):
        image = squares(side, (2400, 3200), 3000)
        return np.roll(image, rng.integers(0, side, 2), (0, 1))

    common = common_scale.applied(FakeChain(), list(range(5)), read).view_config.common
    assert common.size == pytest.approx(side, rel=0.03)
    assert (2400, 3200) not in [shape for shape, _ in looked_at]


_BUNDLE = types.SimpleNamespace(manifest=_MANIFEST)
_HALF = CommonScale(0.5, 40.0)


def _of_run(folder, found, config=ViewConfig()):
    """What a run that would find `found` takes."""
    return common_scale.of_run(folder, _BUNDLE, config, lambda: found).common


def _write_result(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png.json").write_text("{}")


def test_a_run_finds_it_once(tmp_path):
    folder = ResultsFolder(tmp_path)
    assert _of_run(folder, _HALF) == _HALF
    assert folder.read_json(SCALE) == {"common": {"factor": 0.5, "size": 40.0}}
    # Whoever goes on does as the first run did, whatever images have come or gone since.
    for found in (CommonScale(1.0, 20.0), None):
        assert _of_run(folder, found) == _HALF


def test_that_nothing_was_found_decides_once_there_are_results(tmp_path):
    """Where no image could be read, say, and all can later."""
    folder = ResultsFolder(tmp_path)
    assert _of_run(folder, None) is None
    assert folder.read_json(SCALE) is None
    assert _of_run(folder, _HALF) == _HALF
    (tmp_path / SCALE).unlink()
    _write_result(tmp_path)
    assert _of_run(folder, _HALF) is None


def test_results_that_were_made_one_by_one_are_continued_so(tmp_path):
    _write_result(tmp_path)
    assert _of_run(ResultsFolder(tmp_path), _HALF) is None


def test_of_two_runs_at_once_one_by_one_decides_too(tmp_path):
    folder = ResultsFolder(tmp_path)

    def find_while_another_begins():
        assert _of_run(folder, None) is None
        _write_result(tmp_path)
        return _HALF

    found = common_scale.of_run(folder, _BUNDLE, ViewConfig(), find_while_another_begins)
    assert found.common is None
    assert folder.read_json(SCALE) is None


def test_of_two_runs_at_once_the_first_decides(tmp_path):
    folder = ResultsFolder(tmp_path)

    def find_while_another_ends():
        assert _of_run(folder, _HALF) == _HALF
        return CommonScale(0.51, 39.2)

    found = common_scale.of_run(folder, _BUNDLE, ViewConfig(), find_while_another_ends)
    assert found.common == _HALF


@pytest.mark.parametrize("scale", ["none", "0.5"])
def test_nothing_is_noted_where_it_is_not_asked_for(tmp_path, scale):
    assert _of_run(ResultsFolder(tmp_path), _HALF, ViewConfig(scale)) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        *("{", "{}", '{"common": 1}', '{"common": {"factor": 0, "size": 20}}'),
        '{"common": {"factor": 1, "size": 0}}',
    ],
)
def test_a_damaged_note_is_refused(tmp_path, content):
    (tmp_path / SCALE).write_text(content)
    with pytest.raises(StaleError, match=r"scale.json.*damaged.*--overwrite"):
        _of_run(ResultsFolder(tmp_path), _HALF)


def test_scores_say_which_scale_they_are_of():
    assert ViewConfig("0.5").described() == "0.5"
    assert ViewConfig().described() == "auto"
    assert ViewConfig(common=_HALF).described() == "auto (0.5 in common)"


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "1", True])
def test_a_common_scale_that_makes_no_sense_is_refused(value):
    for factor, size in ((value, 20.0), (1.0, value)):
        with pytest.raises(ValueError, match="of a common scale must be"):
            CommonScale(factor, size)
