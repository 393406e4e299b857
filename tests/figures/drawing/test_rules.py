"""Which regions figures show, what becomes of regions, and what captions say."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbc_tf.figures.drawing import (
    captions,
    choice,
    comparison,
    detections,
    legend,
    outcomes,
    patches,
    probabilities,
    separation,
    style,
    workflow,
)
from rbc_tf.figures.drawing.outcomes import Outcome

_ABNORMAL = np.array([False, True])  # of two types, the second


def test_choice_takes_earlier_tiers_first():
    tiers = np.array([2, -1, 0, 1, 0, -1, 2])
    chosen = choice.by_tier(tiers, 4, seed=0)
    # Both of tier 0, the one of tier 1, and one of the two of tier 2; never those of -1.
    assert sorted(tiers[chosen]) == [0, 0, 1, 2]
    assert list(tiers[chosen]) == [0, 0, 1, 2]
    assert len(choice.by_tier(tiers, 99, seed=0)) == 5
    assert len(choice.by_tier(np.zeros(0, int), 3, seed=0)) == 0


def test_choice_follows_the_seed():
    tiers = np.zeros(50, int)
    np.testing.assert_array_equal(choice.by_tier(tiers, 9, 1), choice.by_tier(tiers, 9, 1))
    assert list(choice.by_tier(tiers, 9, 1)) != list(choice.by_tier(tiers, 9, 2))
    # Every candidate can be chosen: over many seeds each of 5 is first at times.
    assert {int(choice.by_tier(np.zeros(5, int), 1, seed)[0]) for seed in range(60)} == set(
        range(5)
    )


@given(
    tiers=st.lists(st.integers(-1, 3), max_size=30),
    count=st.integers(0, 10),
    seed=st.integers(0, 5),
)
def test_choice_leaves_nothing_better_behind(tiers, count, seed):
    tiers = np.array(tiers, int)
    chosen = choice.by_tier(tiers, count, seed)
    usable = np.sort(tiers[tiers >= 0])
    np.testing.assert_array_equal(tiers[chosen], usable[:count])
    assert len(set(chosen.tolist())) == len(chosen)


@pytest.mark.parametrize(
    ("num_first", "num_second", "expected"),
    [(9, 9, (3, 3)), (1, 9, (1, 5)), (9, 2, (4, 2)), (0, 0, (0, 0)), (2, 1, (2, 1))],
)
def test_halves_make_up_for_each_other(num_first, num_second, expected):
    first = np.array([0] * num_first + [-1] * num_second, int)
    second = np.array([-1] * num_first + [0] * num_second, int)
    chosen = choice.halves(first, second, count=6, of_first=3, seed=0)
    is_first = chosen < num_first
    assert (is_first.sum(), (~is_first).sum()) == expected
    assert list(is_first) == sorted(is_first, reverse=True)


def test_tiers_of_regions():
    labels = np.array([[1, 1], [1, 0], [0, 1], [1, 1], [1, -1]], np.int8)
    tiers = choice.cell_tiers(
        np.array([2, 3, 1, 2, 2]), labels, np.array([True, True, True, False, True])
    )
    # several cells of two types; of one type; one cell; not usable; one known type only
    np.testing.assert_array_equal(tiers, [0, 1, 2, -1, 1])


def test_the_best_image():
    # Most multi-cell regions: 4, twice; of these the second has more regions in all.
    assert choice.best_image(np.array([1, 4, 4, 0]), np.array([90, 20, 25, 99])) == 2
    assert choice.best_image(np.array([0, 0]), np.array([0, 0])) == 0
    with pytest.raises(ValueError, match="At least one image"):
        choice.best_image(np.zeros(0, int), np.zeros(0, int))


def _outcomes(true_boxes, labels, scored, detected, named):
    return outcomes.region_outcomes(
        np.array(true_boxes, np.float32).reshape(-1, 4),
        np.array(labels, np.int8).reshape(-1, 2),
        np.array(scored, bool),
        np.array(detected, np.float32).reshape(-1, 4),
        np.array(named, bool).reshape(-1, 2),
        _ABNORMAL,
    )


def test_every_outcome():
    true_boxes = [[0, 10 * n, 10, 10 * n + 10] for n in range(6)]
    labels = [[1, 0], [0, 1], [1, 1], [1, 0], [-1, 1], [0, 1]]
    scored = [True, True, True, True, False, True]
    # Detections of regions 3, 0, 1, 2 and 4, in that order, then one of nothing.
    detected = [true_boxes[n] for n in (3, 0, 1, 2, 4)] + [[50, 50, 60, 60]]
    named = [[0, 1], [1, 0], [0, 1], [1, 0], [0, 1], [1, 1]]
    found = _outcomes(true_boxes, labels, scored, detected, named)
    assert found.truth == (
        Outcome.RIGHT,  # normal, said so
        Outcome.RIGHT,  # abnormal, said so
        Outcome.WRONG,  # one of two types said
        Outcome.WRONG,  # another type said
        Outcome.UNSCORED,  # its labels are not complete
        Outcome.MISSED,
    )
    np.testing.assert_array_equal(found.detection, [1, 2, 3, 0, 4, -1])
    np.testing.assert_array_equal(found.abnormal_right, [0, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(found.false_positive, [0, 0, 0, 0, 0, 1])
    counts = {outcome: found.count(outcome) for outcome in Outcome}
    assert list(counts.values()) == [2, 2, 1, 1, 1]


def test_a_detection_takes_one_region_and_the_better_one_goes_first():
    # Both detections overlap the region by 0.5 or more (10 x 10 against 10 x 10 and 10 x 8); the
    # first has the better score and takes it, and the second, though named right, is of nothing.
    found = _outcomes(
        [[0, 0, 10, 10]],
        [[1, 0]],
        [True],
        [[0, 0, 10, 8], [0, 0, 10, 10]],
        [[0, 1], [1, 0]],
    )
    assert found.truth == (Outcome.WRONG,)
    np.testing.assert_array_equal(found.false_positive, [False, True])


def test_an_unlabelled_region_that_is_not_detected_is_missed():
    found = _outcomes([[0, 0, 10, 10]], [[-1, -1]], [False], [[0, 8, 10, 18]], [[1, 0]])
    assert found.truth == (Outcome.MISSED,)  # IoU 20 / 180
    assert found.count(Outcome.FALSE_POSITIVE) == 1


@pytest.mark.parametrize(("num_true", "num_detected"), [(0, 0), (0, 2), (2, 0)])
def test_outcomes_of_empty_images(num_true, num_detected):
    found = _outcomes(
        [[0, 0, 9, 9]] * num_true,
        [[1, 0]] * num_true,
        [True] * num_true,
        [[0, 0, 9, 9]] * num_detected,
        [[1, 0]] * num_detected,
    )
    assert found.truth == (Outcome.MISSED,) * num_true
    assert found.count(Outcome.FALSE_POSITIVE) == num_detected


def test_counts_of_the_comparison():
    a = np.array([1, 1, 0, 0, 1, 1], bool)
    b = np.array([1, 0, 1, 0, 0, 0], bool)
    counted = np.array([1, 1, 1, 1, 1, 0], bool)
    found = comparison.agreement(a, b, counted)
    assert found == comparison.Agreement(both_right=1, only_a=2, only_b=1, both_wrong=1)
    assert found.total == 5
    assert str(found) == (
        "A right and B wrong: 2; B right and A wrong: 1; both right: 1; both wrong: 1"
    )


def test_right_means_exactly_the_true_types_above_the_threshold():
    answers = np.array([[0.9, 0.1], [0.9, 0.6], [0.5, 0.1], [0.1, 0.1]])
    labels = np.array([[1, 0], [1, 0], [1, 0], [0, 0]], np.int8)
    right = comparison.right(answers, labels, np.array([0.5, 0.5]))
    # 0.5 is not above 0.5
    np.testing.assert_array_equal(right, [True, False, False, True])


def test_regions_of_the_comparison_are_of_a_right_and_b_wrong():
    # Rows: 0 B right too, 1 A wrong, 2 not complete, 3 one cell, 4 several of one type, 5 mixed.
    a = np.array([1, 0, 1, 1, 1, 1], bool)
    b = np.array([1, 1, 0, 0, 0, 0], bool)
    labels = np.array([[1, 1], [1, 1], [1, -1], [1, 0], [1, 0], [1, 1]], np.int8)
    num_cells = np.array([2, 2, 2, 1, 2, 2])
    complete = np.array([1, 1, 0, 1, 1, 1], bool)
    chosen = comparison.choose(a, b, labels, num_cells, complete, 9, seed=0)
    np.testing.assert_array_equal(chosen, [5, 4, 3])


@pytest.mark.parametrize("num_types", [1, 6, 12, 40])
def test_regions_of_the_comparison_fit_on_a_page(num_types):
    assert 1 <= comparison.most(num_types) <= 6
    # 247 mm are what A4 leaves between margins of 25 mm; with 40 types one region is taller.
    needed = comparison.most(num_types) * comparison._item_height(num_types)
    assert needed < 230 or comparison.most(num_types) == 1


def test_words_find_a_free_corner():
    boxes = np.array([[10, 10, 50, 50], [10, 10, 50, 50], [0, 80, 20, 100]], float)
    sizes = np.array([[8, 12], [8, 12], [8, 30]], float)
    places = legend.corner_places(boxes, sizes, (100, 100))
    # The first has the upper left corner, the second the upper right (50 - 12), and the third,
    # 30 wide in an image 100 wide, moves to 70.
    np.testing.assert_array_equal(places, [[10, 10], [10, 38], [0, 70]])
    # A fifth word on one box finds all corners covered and takes the first.
    crowded = legend.corner_places(boxes[:1].repeat(5, 0), sizes[:1].repeat(5, 0), (100, 100))
    np.testing.assert_array_equal(crowded, [[10, 10], [10, 38], [42, 10], [42, 38], [10, 10]])


def test_words_in_an_image_smaller_than_they_are():
    places = legend.corner_places(np.array([[0, 0, 2, 3]]), np.array([[8.0, 12.0]]), (2, 3))
    np.testing.assert_array_equal(places, [[0, 0]])


def test_the_red_mask_is_striped_and_lies_on_cells_alone():
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:7] = True
    picture = legend.stripes(mask, period=4)
    assert (picture[~mask, 3] == 0).all()
    assert len(np.unique(picture[mask, 3])) == 2
    # Stripes two wide, along (row + column): places (1, 3) and (1, 4) are 0 and 1 modulo 4.
    assert picture[1, 3, 3] == picture[1, 4, 3] > picture[1, 5, 3] == picture[1, 6, 3]


def test_entries_of_a_legend_never_pass_the_edge():
    entries = [legend.Entry(legend.Frame("#000000", 1), "", "some words" * n) for n in (1, 5, 9, 2)]
    rows = legend.arrange(entries)
    assert [entry for row in rows for _, entry in row] == entries
    assert len(rows) > 1
    for row in rows:
        left, last = row[-1]
        assert left == 0 or left + 7.5 + style.text_width(last.text) <= style.WIDTH


@given(text=st.text("abc def", max_size=60), width=st.floats(3, 80))
def test_wrapped_text_fits_and_is_whole(text, width):
    lines = style.wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(style.text_width(line) <= width for line in lines)


def test_shortened_text_fits():
    assert style.shorten("short", 50) == "short"
    name = "a-rather-long-name-of-an-image"
    cut = style.shorten(name, 20)
    assert cut.endswith("\u2026")
    assert style.text_width(cut) <= 20
    assert style.text_width(name[: len(cut)] + "\u2026") > 20  # with one letter more


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00"),
        (1e-9, "<.01"),
        (0.0049, "<.01"),
        (0.0051, "0.01"),
        (0.5, "0.50"),
        (0.9949, "0.99"),
        (0.995, ">.99"),
        (1 - 1e-9, ">.99"),
        (1, "1.00"),
    ],
)
def test_probabilities_are_never_rounded_to_certainty(value, text):
    assert probabilities.written(value) == text


@pytest.mark.parametrize(
    ("score", "text"),
    [(1.0, "1"), (0.999, ".99"), (0.9, ".90"), (np.float32(0.9), ".90"), (0.057, ".05")],
)
def test_scores_are_cut_off(score, text):
    assert detections.written(score) == text


def test_types_in_words():
    assert patches.type_list(np.array([1, 0, 1], bool), "abc") == "a + c"
    assert patches.type_list(np.array([0, 0, 0], bool), "abc") == "none"


def test_features_as_a_grid_without_gaps():
    assert workflow.feature_grid(np.arange(2048)).shape == (32, 64)
    np.testing.assert_array_equal(workflow.feature_grid(np.arange(6)), [[0, 1, 2], [3, 4, 5]])
    assert workflow.feature_grid(np.arange(7)).shape == (1, 7)


def test_segments_are_counted():
    assert separation.count_found(np.zeros((3, 3), int)) == 0
    assert separation.count_found(np.array([[0, 4], [4, 9]])) == 2
    assert separation.count_found(np.array([[4, 4], [4, 9]])) == 2  # no background


def test_numbers_in_words():
    assert captions.count(1, "patch", "patches") == "1 patch"
    assert captions.count(0, "region") == "0 regions"
    assert captions.count(8539, "patch", "patches") == "8,539 patches"
    assert captions.listing([]) == ""
    assert captions.listing(["a"]) == "a"
    assert captions.listing(["a", "b", "c"]) == "a, b and c"
    assert captions.thresholds("ab", [0.5, 0.5]) == "0.5 for every type"
    assert captions.thresholds("ab", [0.5, 0.12345]) == "a 0.5, b 0.123"
    assert captions.thresholds("ab", [0.5, 0.5], "exact_match") == (
        "0.5 for every type; chosen on validation images for exact match"
    )


def test_captions_of_other_figures_stay(tmp_path):
    third = captions.Caption(3, "Third", "Three.", {"counts": np.array([1, 2])})
    captions.write(tmp_path, [third, captions.Caption(1, "First", "One.", {})])
    captions.write(tmp_path, [captions.Caption(1, "First again", "Uno.", {"n": np.int64(4)})])
    known = json.loads((tmp_path / "captions.json").read_text())
    assert known == {
        "1": {"title": "First again", "text": "Uno.", "facts": {"n": 4}},
        "3": {"title": "Third", "text": "Three.", "facts": {"counts": [1, 2]}},
    }
    text = (tmp_path / "captions.md").read_text()
    assert text == "**Figure 1. First again.** Uno.\n\n**Figure 3. Third.** Three.\n"


@pytest.mark.parametrize("content", ["no JSON", "[1]", '{"a": {}}', '{"1": {"title": "x"}}'])
def test_somebody_elses_captions_are_not_overwritten(tmp_path, content):
    (tmp_path / "captions.json").write_text(content)
    with pytest.raises(ValueError, match=r"captions\.json: must hold captions of figures"):
        captions.write(tmp_path, [captions.Caption(1, "First", "One.", {})])
    assert (tmp_path / "captions.json").read_text() == content
