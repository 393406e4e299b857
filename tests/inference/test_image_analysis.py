"""What is said of an image beside its regions."""

import dataclasses
import types

import cv2
import pytest

from rbc_tf.inference import image_analysis
from rbc_tf.inference.image_analysis import SourceImage
from tests import builders

_SEEN = {"compression": (1.0, 1.05)}


def _analysis(pixels, scale):
    found = dataclasses.replace(builders.analyzed([], [], [], []), scale=scale)
    chain = builders.fake_chain(lambda image: found)
    loaded = types.SimpleNamespace(manifest=builders.manifest(appearance=_SEEN))
    return image_analysis.analyze(chain(loaded), SourceImage("a.jpg", None, pixels))


@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_compression_is_told_of_an_image_that_was_scaled_too(scale):
    image = cv2.GaussianBlur(builders.noise_image(300, 300), (0, 0), 2.0)
    assert _analysis(image, scale).unlike == {}
    analysis = _analysis(builders.compressed(image, 20), scale)
    assert list(analysis.unlike) == ["more compressed"]
