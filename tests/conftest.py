import dataclasses
import os
import tempfile

# Before TensorFlow is loaded: without a GPU it reports that at length.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Nothing of the tests stays behind, and nothing of the user's is read.
os.environ["RBC_TF_CACHE_DIR"] = tempfile.mkdtemp(prefix="rbc_tf_tests_")

import hypothesis
import keras
import pytest
from xdist.scheduler import LoadFileScheduling

# On a loaded machine an example can take any time.
hypothesis.settings.register_profile("rbc_tf", deadline=None)
hypothesis.settings.load_profile("rbc_tf")


def _tiny_network(patch_size):
    inputs = keras.Input((patch_size, patch_size, 3))
    values = keras.layers.Rescaling(1 / 64)(inputs)
    values = keras.layers.Conv2D(8, 5, strides=4, activation="relu")(values)
    values = keras.layers.BatchNormalization()(values)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(values))


@pytest.fixture
def tiny_resnet50(monkeypatch):
    """Puts one normalised convolution, 8 features, in the place of ResNet-50; what describes it."""
    from rbc_tf.features.backbones import resnet50

    spec = dataclasses.replace(resnet50.BACKBONE, build=_tiny_network, feature_dim=8)
    monkeypatch.setattr(resnet50, "BACKBONE", spec)
    return spec


_LONGEST = ("test_end_to_end.py", "test_train.py", "test_fold_features.py", "test_export.py")


def pytest_collection_modifyitems(items):
    """What takes longest first: as the last it would keep one process busy for minutes alone."""
    order = {name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


class _Scheduling(LoadFileScheduling):
    """The tests of a file run in one process, so that what they share is made once.

    So do all that use Model Garden: its code takes longest to be made into graphs, which a process
    does once for most of it.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "Model Garden" if file.startswith("tests/detection/garden/") else file


def pytest_xdist_make_scheduler(config, log):
    return _Scheduling(config, log)
