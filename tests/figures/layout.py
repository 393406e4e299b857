"""What every figure is held to: nothing cut off, nothing on top of another; and small inputs."""

import itertools

import numpy as np
import pytest
from matplotlib import text as matplotlib_text

from rbc_tf.figures.drawing import captions, style
from rbc_tf.figures.drawing.predicted_patches import PredictedPatch

IMAGE = np.random.default_rng(0).integers(150, 255, (60, 80, 3)).astype(np.uint8)
BOXES = np.array([[5, 5, 25, 30], [30, 40, 58, 79]], np.float32)
SOURCE = captions.Source("smears", "test", 4, 7)
TYPE_COUNTS = (1, 2, 6, 12)
COUNTS = (0, 1, 2)
# A name as long as anybody's beside short ones.
NAMES = ("Oval", "Elon", "a rather long name of a type", *(f"type {n}" for n in range(9)))


def texts(figure):
    """Everything that is written, words in pictures included."""
    return [text.get_text() for text in figure.findobj(matplotlib_text.Text) if text.get_text()]


def check(figure):
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


def predicted(count, num_types):
    found = []
    for number in range(count):
        labels = (np.arange(num_types) <= number).astype(np.int8)
        values = np.linspace(0.99, 0.2, num_types)
        found.append(PredictedPatch(IMAGE, f"image {number}", number + 1, labels, values))
    return found
