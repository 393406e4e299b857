"""Words in frames, the red mask, and legends."""

import numpy as np

from rbc_tf.figures.drawing import legend, style


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
