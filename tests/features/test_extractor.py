import numpy as np
import pytest

from rbc_tf.features import crops
from rbc_tf.features.extractor import FeatureExtractor
from rbc_tf.graphs import frozen
from tests.features.test_backbone import tiny_backbone


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 9])
def test_batches_change_nothing(count):
    # The mean colour in BGR less the mean, times [[0..4], [5..9], [10..14]].
    patches = np.random.default_rng(0).uniform(0, 255, (count, 32, 32, 3)).astype(np.float32)
    colour = patches.mean(axis=(1, 2))[:, ::-1] - np.array([103.939, 116.779, 123.68])
    expected = colour @ np.arange(15.0).reshape(3, 5)
    features = FeatureExtractor(tiny_backbone(), batch_size=4).extract(patches)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected.reshape(count, 5), rtol=1e-4, atol=1e-2)


def test_function_is_traced_once_for_all_counts():
    extractor = FeatureExtractor(tiny_backbone(), batch_size=8)
    for count in range(1, 20):
        extractor.extract(np.zeros((count, 32, 32, 3), np.float32))
    assert extractor._run.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_boxes_are_cut_and_extracted_in_batches(count):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (60, 70, 3), dtype=np.uint8)
    boxes = rng.uniform(0, 20, (count, 4)).astype(np.float32)
    boxes += np.array([0, 0, 30, 40], np.float32)
    extractor = FeatureExtractor(tiny_backbone(), batch_size=2)
    expected = extractor.extract(crops.cut_patches(image, boxes, crops.CropConfig(size=32)))
    found = extractor.extract_boxes(image, boxes, crops.CropConfig(size=32))
    assert found.shape == (count, 5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_half_precision_gives_nearly_the_same_features(count):
    if frozen.resolve("auto") == "float32":
        pytest.skip("the machine computes best in float32")
    patches = np.random.default_rng(0).uniform(0, 255, (count, 32, 32, 3)).astype(np.float32)
    extractor = FeatureExtractor(tiny_backbone(), batch_size=2, precision="auto")
    expected = FeatureExtractor(tiny_backbone()).extract(patches)
    found = extractor.extract(patches)
    assert found.shape == (count, 5)
    np.testing.assert_allclose(found, expected, rtol=0.03, atol=0.03 * abs(expected).max(initial=1))


def test_batch_size_is_checked():
    with pytest.raises(ValueError, match="`batch_size` must be"):
        FeatureExtractor(tiny_backbone(), batch_size=0)
