"""Each figure, with few and many regions and types: nothing cut off, nothing on top of another."""

import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib import text as matplotlib_text
from matplotlib.image import AxesImage

from rbc_tf.core.cell_types import PAPER, CellType
from rbc_tf.figures.drawing import (
    captions,
    comparison,
    detections,
    masks,
    outcomes,
    patches,
    samples,
    separation,
    style,
    whole_image,
    workflow,
)

_RNG = np.random.default_rng(0)
_IMAGE = _RNG.integers(150, 255, (60, 80, 3)).astype(np.uint8)
_BOXES = np.array([[5, 5, 25, 30], [30, 40, 58, 79]], np.float32)
_SOURCE = captions.Source("smears", "test", 4, 7)
_TYPE_COUNTS = (1, 2, 6, 12)
_COUNTS = (0, 1, 2)
# A name as long as anybody's beside short ones.
_NAMES = ("Oval", "Elon", "a rather long name of a type", *(f"type {n}" for n in range(9)))


def _texts(figure):
    """Everything that is written, words in pictures included."""
    return [text.get_text() for text in figure.findobj(matplotlib_text.Text) if text.get_text()]


def _check_layout(figure):
    """All letters of 7 points or more, on the page, and lines of the page apart."""
    figure.set_dpi(72)
    with style.applied():
        figure.canvas.draw()
    page = figure.bbox
    written = [t for t in figure.findobj(matplotlib_text.Text) if t.get_text() and t.get_visible()]
    extents = {text: text.get_window_extent() for text in written}
    for text, extent in extents.items():
        assert text.get_fontsize() >= style.SMALL, text.get_text()
        assert extent.x0 >= page.x0, text.get_text()
        assert extent.x1 <= page.x1, text.get_text()
        assert extent.y0 >= page.y0, text.get_text()
        assert extent.y1 <= page.y1, text.get_text()
    for one, other in itertools.combinations(figure.texts, 2):
        if one.get_text() and other.get_text():
            # A pixel of a hundred to the inch, as glyphs have rims.
            assert not extents[one].padded(-0.5).overlaps(extents[other].padded(-0.5)), (
                one.get_text(),
                other.get_text(),
            )
    width = figure.get_size_inches()[0] * 25.4
    assert width == pytest.approx(180)


def _answers(count, num_types):
    answers = []
    for number in range(count):
        labels = (np.arange(num_types) <= number).astype(np.int8)
        values = np.linspace(0.99, 0.2, num_types)
        answers.append(patches.PatchAnswer(_IMAGE, f"image {number}", number + 1, labels, values))
    return answers


@pytest.mark.parametrize("num_types", _TYPE_COUNTS)
def test_samples(num_types):
    rows = [
        samples.TypeSamples(
            CellType(str(n), f"{name} cell", n > 0), (_IMAGE[:50, :50],) * n, 11 * n
        )
        for n, name in enumerate(_NAMES[:num_types])
    ]
    figure = samples.draw(rows, 50)
    _check_layout(figure)
    texts = _texts(figure)
    assert "Oval cell" in texts
    assert "normal, n = 0" in texts
    assert "no such region in these images" in texts
    assert "20 pixels" in texts  # of the patch's 50
    # 0, 1, 2, ... patches, of which a row holds nine.
    pictures = len(figure.findobj(AxesImage))
    assert pictures == sum(min(n, 9) for n in range(num_types))
    caption = samples.caption(rows, _SOURCE, 50)
    assert "the 4 images of the split 'test' of smears" in caption.text
    assert "(seed 7)" in caption.text
    assert caption.facts["regions_by_type"]["0"] == 0
    assert caption.facts["side_pixels"] == 50


def _flow(followed, num_types, line="{} has a line"):
    names = _NAMES[:num_types]
    region = workflow.FollowedRegion(
        row=1,
        patch=_IMAGE[:40, :40],
        features=np.linspace(0, 1, 64),
        labels=np.array([1, 0, -1, *[0] * 9], np.int8)[:num_types],
        probabilities=np.linspace(0.9, 0.1, num_types),
        abnormal=0.3,
        truly_abnormal=True,
    )
    titles = ("Smear", "Regions", "Patch", "Features", "Cell types", "Verdict")
    steps = [workflow.Step(title, (line.format(title),) * 3) for title in titles]
    return workflow.Workflow(
        name="smear_1",
        image=_IMAGE,
        boxes=_BOXES if followed else _BOXES[:0],
        followed=region if followed else None,
        names=names,
        thresholds=np.full(num_types, 0.5),
        abnormal_threshold=0.5,
        steps=tuple(steps),
    )


@pytest.mark.parametrize("num_types", _TYPE_COUNTS)
def test_workflow(num_types):
    flow = _flow(True, num_types)
    figure = workflow.draw(flow)
    _check_layout(figure)
    texts = _texts(figure)
    for text in ("1  Smear", "6  Verdict", "Cell types has a line", "Oval", "0.90", "normal"):
        assert f"{text}" in texts
    assert "true: abnormal \u2717" in texts
    caption = workflow.caption(flow, _SOURCE, "by a rule", {"trees": 3})
    assert "smear_1, one of the 4 images" in caption.text
    assert "by a rule" in caption.text
    assert caption.facts["run"] == {"trees": 3}


def test_workflow_with_much_to_say():
    _check_layout(workflow.draw(_flow(True, 6, "{} " + "has more to say than one line holds " * 4)))


def test_workflow_of_an_image_without_detections(tmp_path):
    figure = workflow.draw(_flow(False, 6))
    _check_layout(figure)
    assert "nothing was detected in this image" in _texts(figure)


def _masked(count):
    mask = np.zeros(_IMAGE.shape[:2], bool)
    for ymin, xmin, ymax, xmax in _BOXES[:count].astype(int):
        mask[ymin:ymax, xmin:xmax] = True
    return masks.MaskedImage("a", _IMAGE, mask, _BOXES[:count], np.array([1, 3])[:count], 8, 30)


@pytest.mark.parametrize(
    ("count", "single", "several"), [(0, 0, 0), (1, 1, 0), (2, 1, 1)], ids=["0", "1", "2"]
)
def test_masks(count, single, several):
    figure = masks.draw(_masked(count))
    _check_layout(figure)
    texts = _texts(figure)
    assert f"region of one cell: {single}" in texts
    assert f"of several cells, with their number: {several}" in texts
    assert texts.count("3") == 2 * several  # in both pictures
    text = masks.caption(_masked(count), _SOURCE, "by a rule").text
    assert f"{count} connected region" in text
    assert f"{single} of one cell" in text


@pytest.mark.parametrize("count", _COUNTS)
def test_detections(count):
    scores = np.array([0.97, 0.62], np.float32)[:count]
    # One more lies below the threshold, and is not drawn.
    boxes = np.concatenate([_BOXES[:count], [[0, 0, 9, 9]]]).astype(np.float32)
    shown = detections.DetectedImage("a", _IMAGE, boxes, np.append(scores, 0.3), 0.5)
    figure = detections.draw(shown)
    _check_layout(figure)
    texts = _texts(figure)
    assert (".97" in texts, ".62" in texts) == (count > 0, count > 1)
    assert ".30" not in texts
    assert f"score 0.5 or more, below 0.9: {int(count == 2)}" in texts
    caption = detections.caption(shown, _SOURCE, "by a rule")
    assert f"{captions.count(count, 'detection')} with a score of 0.5 or more" in caption.text
    assert caption.facts["detections_not_drawn"] == 1


def test_detections_above_a_high_threshold(tmp_path):
    shown = detections.DetectedImage("a", _IMAGE, _BOXES, np.array([0.97, 0.92]), 0.95)
    texts = _texts(detections.draw(shown))
    assert "score 0.9 or more: 1" in texts
    assert not any("below 0.9" in text for text in texts)


@pytest.mark.parametrize(("count", "num_types"), [(0, 6), (1, 1), (1, 2), (1, 6), (2, 12), (7, 6)])
def test_patches(count, num_types):
    answers, names = _answers(count, num_types), _NAMES[:num_types]
    thresholds = np.full(num_types, 0.5)
    figure = patches.draw(answers, names, thresholds)
    _check_layout(figure)
    texts = _texts(figure)
    shown = min(count, patches.MOST)
    assert sum(text.startswith("true: Oval") for text in texts) == shown
    assert sum(text.startswith("named: Oval") for text in texts) == shown
    # Values fall from 0.99 to 0.2, so the first half is named; the first answer has one true type.
    right = num_types in (1, 2) and count > 0
    caption = patches.caption(answers, names, thresholds, _SOURCE, "by a rule", "stretch")
    right_ones = sum(answer.is_right(thresholds) for answer in answers[:6])
    assert sum("\u2713 exactly right" in text for text in texts) == right_ones
    if count == 1:
        assert caption.facts["right"] == int(right)
    assert f"{captions.count(min(count, 6), 'region')} from" in caption.text
    assert "0.5 for every type" in caption.text


def test_what_a_patch_is_said_to_be():
    answer = _answers(2, 6)[1]  # true: the first two; values 0.99, 0.832, 0.674, 0.516, 0.358, 0.2
    thresholds = np.array([0.5, 0.5, 0.7, 0.6, 0.5, 0.5])
    np.testing.assert_array_equal(answer.named(thresholds), [1, 1, 0, 0, 0, 0])
    assert answer.is_right(thresholds)
    assert not answer.is_right(np.full(6, 0.5))


@pytest.mark.parametrize(("count", "num_types"), [(0, 6), (1, 1), (2, 2), (2, 12)])
def test_comparison(count, num_types):
    shown = comparison.Comparison(
        regions=tuple(comparison.Compared(a, a) for a in _answers(count, num_types)),
        names=_NAMES[:num_types],
        thresholds=np.full(num_types, 0.5),
        all_regions=comparison.Agreement(10, 5, 4, 1),
        mixed_regions=comparison.Agreement(0, 3, 2, 1),
    )
    figure = comparison.draw(shown, seed=7)
    _check_layout(figure)
    texts = _texts(figure)
    for model in ("A", "B"):
        assert sum(text.startswith(f"Model {model}: ") for text in texts) == count
    # The counts that keep a reader from being misled are printed, not in the caption alone.
    printed = " ".join(texts)
    assert "Of 20 regions completely labelled: A right and B wrong: 5; B right and A wrong: 4" in (
        printed
    )
    assert "Of 6 of several cells and several types: A right and B wrong: 3" in printed
    assert ("there is no region with A right and B wrong" in texts) == (count == 0)
    caption = comparison.caption(shown, _SOURCE, folds=5)
    assert "B right and A wrong: 4" in caption.text
    assert "5 folds" in caption.text
    assert caption.facts["all_regions"]["only_b"] == 4


def _judged(count, kinds):
    truth = tuple(kinds[:count])
    found = np.array([-1 if kind is outcomes.Outcome.MISSED else 0 for kind in truth], int)
    abnormal = np.array([kind is outcomes.Outcome.RIGHT for kind in truth], bool)
    regions = np.zeros(_IMAGE.shape[:2], np.int32)
    for row, (ymin, xmin, ymax, xmax) in enumerate(_BOXES[:count].astype(int), 1):
        regions[ymin:ymax, xmin:xmax] = row
    extra = np.array([[40, 2, 55, 20]], np.float32)
    result = outcomes.RegionOutcomes(truth, found, abnormal, np.ones(1, bool))
    return whole_image.JudgedImage(
        "a", _IMAGE, regions, _BOXES[:count], extra, result, 0.5, PAPER.names, np.full(6, 0.5)
    )


@pytest.mark.parametrize("count", _COUNTS)
def test_whole_image(count):
    judged = _judged(count, (outcomes.Outcome.RIGHT, outcomes.Outcome.MISSED))
    figure = whole_image.draw(judged)
    _check_layout(figure)
    texts = _texts(figure)
    right, missed = int(count > 0), int(count > 1)
    for text in (
        f"detected and classified right: {right}",
        f"of these with an abnormal type (red mask): {right}",
        "detected but misclassified: 0",
        f"missed by the detector: {missed}",
        "false positive: a detection, no region: 1",
        "detected, labels incomplete or none: 0",
    ):
        assert f"{text}" in texts
    assert texts.count("M") == 1 + missed  # one in the legend
    assert texts.count("F") == 2
    # The mask lies on the pixels of the first region alone.
    np.testing.assert_array_equal(judged.red, judged.regions == 1)
    caption = whole_image.caption(judged, _SOURCE, "by a rule")
    assert caption.facts["missed"] == missed
    assert f"{captions.count(count, 'true region')}, {missed} missed" in caption.text
    assert "1 false positive (black" in caption.text


def test_frames_differ_without_their_colours():
    looks = {
        (frame.line, word) for frame, word in whole_image.FRAMES.values()
    }  # line style and letter
    assert len(looks) == len(whole_image.FRAMES) == len(outcomes.Outcome)
    assert whole_image.FRAMES[outcomes.Outcome.MISSED][0].colour == style.BLUE
    assert whole_image.FRAMES[outcomes.Outcome.RIGHT][0].colour == style.GREEN
    assert whole_image.FRAMES[outcomes.Outcome.WRONG][0].colour == style.VERMILION


def _separated(found, unet):
    segments = np.zeros((20, 20), np.int32)
    for number in range(found):
        segments[2:18, 2 + 6 * number : 7 + 6 * number] = number + 1
    mask = segments > 0
    return separation.Separated(
        "a", _IMAGE[:20, :20], mask, np.zeros_like(mask), 2, segments, mask * 1 if unet else None
    )


@pytest.mark.parametrize("unet", [False, True])
@pytest.mark.parametrize("count", [*_COUNTS, 9])
def test_separation(count, unet):
    regions = [_separated(2 + number % 2, unet) for number in range(count)]
    figure = separation.draw(regions)
    _check_layout(figure)
    texts = _texts(figure)
    shown = min(count, separation.MOST)
    assert texts.count("\u2713 found 2") == -(-shown // 2)
    assert texts.count("\u2717 found 3") == shown // 2
    assert texts.count("\u2717 found 1") == (shown if unet else 0)
    without = "" if unet else "no U-Net"
    caption = separation.caption(regions, regions, _SOURCE, without)
    assert f"watershed in {-(-count // 2)}" in caption.text
    assert ("U-Net in 0" in caption.text, "left out: no U-Net" in caption.text) == (unet, not unet)
    assert caption.facts["watershed_found"] == [2 + n % 2 for n in range(shown)]


def test_files_are_the_same_twice_and_the_users_settings_stay(tmp_path):
    before = matplotlib.rcParams["font.size"]
    shown = _separated(2, unet=False)
    first = style.save(separation.draw([shown]), tmp_path / "a", "figure_8")
    second = style.save(separation.draw([shown]), tmp_path / "b", "figure_8")
    assert [path.name for path in first] == ["figure_8.pdf", "figure_8.svg", "figure_8.png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert matplotlib.rcParams["font.size"] == before
    # Letters are outlines in the SVG, and named in comments.
    assert "<!-- \u2713 found 2 -->" in first[1].read_text(encoding="utf-8")
