"""Numbers in words, and captions in files."""

import json

import numpy as np
import pytest

from rbc_tf.figures.drawing import captions


def test_numbers_in_words():
    assert captions.count(1, "patch", "patches") == "1 patch"
    assert captions.count(0, "region") == "0 regions"
    assert captions.count(8539, "patch", "patches") == "8,539 patches"
    assert captions.listing([]) == ""
    assert captions.listing(["a"]) == "a"
    assert captions.listing(["a", "b", "c"]) == "a, b and c"
    assert str(captions.Thresholds("ab", [0.5, 0.5])) == "0.5 for every type"
    assert str(captions.Thresholds("ab", [0.5, 0.12345])) == "a 0.5, b 0.123"
    assert str(captions.Thresholds("ab", [0.5, 0.5], "exact_match")) == (
        "0.5 for every type; chosen on validation images for exact match"
    )


def test_captions_of_other_figures_stay(tmp_path):
    third = captions.Caption(3, "Third", "Three.", {"counts": np.array([1, 2])})
    captions.write(tmp_path, third)
    captions.write(tmp_path, captions.Caption(1, "First", "One.", {}))
    captions.write(tmp_path, captions.Caption(1, "First again", "Uno.", {"n": np.int64(4)}))
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
    with pytest.raises(ValueError, match=r"captions\.json: must hold"):
        captions.write(tmp_path, captions.Caption(1, "First", "One.", {}))
    assert (tmp_path / "captions.json").read_text() == content
