"""Which sets are taken for which, read back as TensorBoard reads it."""

import numpy as np

from rbc_tf.evaluation.classifier import label_sets_board
from rbc_tf.metrics.label_sets import confusion
from tests import builders

NAMES = ("Oval", "Elon")


def _confusion():
    truth = np.array([[1, 0], [1, 0], [1, 1], [0, 1]], bool)
    named = np.array([[1, 0], [0, 0], [1, 0], [0, 1]], bool)
    return confusion(truth, named, most=3)


def test_label_sets_are_a_picture_and_a_table(tmp_path):
    found = builders.summaries_of(
        tmp_path, label_sets_board.write_label_sets, _confusion(), NAMES, "validation"
    )
    value = found["images", "label_sets"]
    heading = "Sets of types, 4 completely labelled validation regions, 0.500 of them exactly right"
    assert value.metadata.summary_description == heading
    assert builders.image_of(value).shape[1] == 1417  # 180 mm at 200 dots per inch
    rows = builders.text_of(found["text", "label_sets"]).splitlines()
    assert "| Oval | 2 | 0.500 | none (1) |" in rows
    assert "| Elon | 1 | 1.000 | - |" in rows


def test_cells_have_the_colour_of_their_share():
    figure = label_sets_board.draw(_confusion(), NAMES, "validation")
    (axes,) = figure.axes
    shares = axes.images[0].get_array()
    # Of the two true Oval one is right; all of the other rows is in one cell, or the row is empty.
    assert shares[0].max() == 0.5
    assert set(shares.sum(axis=1)) <= {0.0, 1.0}
    numbers = [int(text.get_text()) for text in axes.texts]
    assert sum(numbers) == 4
