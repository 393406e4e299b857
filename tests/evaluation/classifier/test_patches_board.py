"""The worst patches, read back as TensorBoard reads them."""

import numpy as np
import pytest

from rbc_tf.evaluation.classifier import patches_board
from rbc_tf.figures.drawing.predicted_patches import PredictedPatch
from tests import builders

NAMES = ("Oval", "Elon")


@pytest.mark.parametrize("count", [0, 1, 7])
def test_worst_patches_come_in_pages_of_six(tmp_path, count):
    shown = [
        PredictedPatch(
            np.full((8, 8, 3), 200, np.uint8),
            f"smear{i}",
            1,
            np.array([1, 0], np.int8),
            np.array([0.2, 0.8]),
        )
        for i in range(count)
    ]
    worst = [
        patches_board.WorstPatch(a, (1.0, 2.0, 30.0, 40.5), 5.0 - i) for i, a in enumerate(shown)
    ]
    arguments = ("worst", worst, NAMES, np.array([0.5, 0.5]), "Worst of all")
    found = builders.summaries_of(tmp_path, patches_board.write_worst_patches, *arguments)
    pages = {tag: value for (plugin, tag), value in found.items() if plugin == "images"}
    assert list(pages) == [f"worst/{page + 1}" for page in range(-(-count // 6))]
    assert (("text", "worst") in found) == (count > 0)
    if count == 7:
        about = [value.metadata.summary_description for value in pages.values()]
        assert about == [
            "Worst of all: 1 to 6, losses 5.00 to 0.00",
            "Worst of all: 7 to 7, losses -1.00 to -1.00",
        ]
        assert "| 7 | smear6 | 1, 2, 30, 40.5 | Oval | Elon | -1.00 |" in builders.text_of(
            found["text", "worst"]
        )
