"""What is said of an image beside its regions."""

import dataclasses
import types

import numpy as np

from rbc_tf.inference import image_analysis
from rbc_tf.inference.image_analysis import SourceImage
from tests import builders


def _analysis(pixels, **found):
    analyzed = dataclasses.replace(builders.analyzed([], [], [], []), **found)
    chain = builders.fake_chain(lambda image: analyzed)
    loaded = types.SimpleNamespace(manifest=builders.manifest())
    return image_analysis.analyze(chain(loaded), SourceImage("a.jpg", None, pixels))


def test_how_it_was_looked_at_and_what_it_is_unlike_go_with_it():
    unlike = {"more compressed": "1.5, and 1 to 1.05 were seen"}
    pixels = np.full((30, 40, 3), 200, np.uint8)
    analysis = _analysis(pixels, scale=0.5, gain=2.0, unlike=unlike)
    assert (analysis.scale, analysis.gain, analysis.unlike) == (0.5, 2.0, unlike)
    assert analysis.to_json()["unlike"] == unlike
    assert _analysis(pixels).unlike == {}
    expected = "Analysis('a.jpg', 40 x 30 pixels: 0 regions, 0 of them abnormal)"
    assert repr(analysis) == expected


def test_images_without_colour_or_nearly_black_are_said_to_be():
    noise = builders.noise_image(30, 40)
    assert (_analysis(noise).grey, _analysis(noise).exposure) == (False, None)
    grey = np.repeat(noise[..., :1], 3, axis=2)
    assert _analysis(grey).grey
    assert _analysis(np.full((30, 40, 3), 1, np.uint8)).exposure is not None
