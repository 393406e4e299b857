"""Text in millimetres, and files."""

import matplotlib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbc_tf.figures.drawing import style
from tests.figures import layout


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


def test_files_are_the_same_twice_and_the_users_settings_stay(tmp_path):
    before = matplotlib.rcParams["font.size"]

    @style.applied()
    def draw():
        page = style.Page(20)
        page.picture(layout.IMAGE, 0, 5, 30, 15)
        page.text(0, 0, "\u2713 found 2")
        return page.figure

    first = style.save(draw(), tmp_path / "a", "figure_8")
    second = style.save(draw(), tmp_path / "b", "figure_8")
    assert [path.name for path in first] == ["figure_8.pdf", "figure_8.svg", "figure_8.png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert matplotlib.rcParams["font.size"] == before
    # Letters are outlines in the SVG, and named in comments.
    assert "<!-- \u2713 found 2 -->" in first[1].read_text(encoding="utf-8")


@style.applied()
def test_a_point_of_a_picture_on_the_page():
    page = style.Page(50)
    # 80 x 60 pixels in 40 x 40 mm: 2 pixels are a millimetre, 5 mm above and below stay empty.
    axes = page.picture(layout.IMAGE, 100, 10, 40, 40)
    assert page.millimetres(axes, 0, 0) == pytest.approx((100, 15))
    assert page.millimetres(axes, 80, 30) == pytest.approx((140, 30))
