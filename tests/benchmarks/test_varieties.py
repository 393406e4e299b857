"""A folder of nine varieties, three of its images bad; the chain finds what we say."""

import pytest

from benchmarks import varieties
from rbc_tf.inference import analyze, bundle
from tests import builders


def _find(image):
    """A region in each image that is not turned, has colours, and is neither black nor white."""
    assert 30 < image.mean() < 250
    box = [0, 0, image.shape[0], image.shape[1]]
    return builders.analyzed([box], [0.9], [[0.9, 0, 0, 0, 0, 0]], [0.1])


def test_exactly_the_bad_images_are_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(analyze, "Chain", builders.fake_chain(_find))
    images, results = tmp_path / "images", tmp_path / "results"
    bad = varieties.write_images(images, 30, 64, 96)
    loaded = bundle.Bundle(tmp_path / "bundle", builders.manifest(), "sha")
    summary = analyze.analyze(loaded, images, results)
    assert (summary.analyzed, set(summary.failed)) == (27, set(bad))
    assert varieties.check_results(images, results, bad) == (
        "30 images: 3 failed as they should; 27 regions"
    )
    for result in (results / "images").rglob("*.json"):
        content = builders.read_json(result)
        assert (content["height"], content["width"]) == (64, 96), result
    again = analyze.analyze(loaded, images, results)
    assert (again.analyzed, again.skipped, set(again.failed)) == (0, 27, set(bad))
    (results / "images" / "jpeg" / "ausstrich é 0000.jpg.json").unlink()
    with pytest.raises(FileNotFoundError):
        varieties.check_results(images, results, bad)
