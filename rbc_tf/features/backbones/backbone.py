"""ResNet-50 as a maker of features: patches in, 2048 values each out (the paper: Features).

The paper takes ResNet-50 pre-trained on ImageNet, not fine-tuned, and the output of its last
convolution layer as a 2048-d vector. The pooling is not named: global average here.
"""

import dataclasses
import json
import pathlib
import zipfile

import keras
from absl import logging

from rbc_tf.core import files
from rbc_tf.features.backbones import resnet50 as resnet

FILE = "backbone.keras"

IMAGENET = "imagenet"
RANDOM = "random"

_PAPER_PATCH_SIZE = 224

# Its name in the `.keras` archive.
_RECORD = "rbc_tf_record.json"


class WeightsError(ValueError):
    """The weights of the backbone cannot be had, or are not those of a ResNet-50."""


@dataclasses.dataclass(frozen=True, eq=False)
class Backbone:
    """A frozen network from patches to features.

    Attributes:
        model: float32 [N, patch_size, patch_size, 3] RGB, 0 to 255 -> float32 [N, feature_dim].
        weights_sha256: hash of its weights; two backbones with the same one agree.
        record: of a fine-tuned one, how it was made (see `finetuning.make_record`); else {}.
    """

    model: keras.Model
    weights_sha256: str
    record: dict = dataclasses.field(default_factory=dict)

    @property
    def patch_size(self) -> int:
        return self.model.input_shape[1]

    @property
    def feature_dim(self) -> int:
        return self.model.output_shape[-1]

    def save(self, path: str | pathlib.Path) -> None:
        """Writes a `.keras` file that `load_backbone` reads, preprocessing and record included."""
        with files.atomic_path(path) as temporary:
            self.model.save(temporary)
            if self.record:  # one more file in the archive, which Keras leaves alone
                with zipfile.ZipFile(temporary, "a", zipfile.ZIP_DEFLATED) as archive:
                    archive.writestr(_RECORD, json.dumps(self.record))


def load_backbone(weights: str, patch_size: int | None = None, seed: int = 0) -> Backbone:
    """The backbone for patches of `patch_size`.

    Args:
        weights: 'imagenet' (Keras downloads them once); the path of a `.h5` weights file of a
            Keras ResNet50 without top; the path of a `.keras` file of a whole backbone, as
            `Backbone.save` writes (a fine-tuned one, for instance); or 'random'.
        patch_size: side of the patches; left out, a whole backbone says it itself, and of others
            it is the paper's 224.
        seed: of the random weights; unused otherwise.

    Raises:
        WeightsError: the weights cannot be downloaded, found or read, or do not fit.
    """
    record = {}
    if weights == RANDOM:
        logging.warning(
            "The ResNet-50 has RANDOM weights (seed %d): its features know nothing of cells. "
            "Use them to try the software, never to judge a sample.",
            seed,
        )
        network = resnet.build_resnet50(patch_size or _PAPER_PATCH_SIZE)
        resnet.randomise(network, seed)
        model = resnet.with_preprocessing(network)
    elif weights == IMAGENET:
        model = resnet.with_preprocessing(_imagenet_resnet50(patch_size or _PAPER_PATCH_SIZE))
    else:
        model, record = _from_file(pathlib.Path(weights), patch_size)
    model.trainable = False
    return Backbone(model, resnet.hash_of_weights(model), record)


def _imagenet_resnet50(patch_size: int) -> keras.Model:
    try:
        return resnet.build_resnet50(patch_size, IMAGENET)
    except Exception as error:  # `keras.utils.get_file` raises bare Exception
        raise WeightsError(
            f"The ImageNet weights of ResNet-50 cannot be downloaded ({error}). Give the path of "
            "`resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5`, fetched elsewhere, instead "
            "of 'imagenet'."
        ) from error


def _from_file(path: pathlib.Path, patch_size: int | None) -> tuple[keras.Model, dict]:
    if not path.is_file():
        raise WeightsError(
            f"`weights` must be 'imagenet', 'random' or the path of a .h5 or .keras file. "
            f"Received: '{path}', which is no file"
        )
    if path.suffix == ".keras":
        return _whole_backbone(path, patch_size), read_record(path)
    if path.suffix != ".h5":
        raise WeightsError(f"A weights file must end in .h5 or .keras. Received: {path}")
    network = resnet.build_resnet50(patch_size or _PAPER_PATCH_SIZE)
    try:
        network.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise WeightsError(
            f"{path} must hold the weights of a Keras ResNet50 without its top: {error}"
        ) from error
    return resnet.with_preprocessing(network), {}


def _whole_backbone(path: pathlib.Path, patch_size: int | None) -> keras.Model:
    try:
        model = keras.saving.load_model(path, compile=False)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} must be a Keras model file: {error}") from error
    size = patch_size or model.input_shape[1]
    if model.input_shape != (None, size, size, 3) or len(model.output_shape) != 2:
        raise WeightsError(
            f"{path} must take patches of shape (None, {size}, {size}, 3), as the "
            f"crop settings say, and give one vector each. "
            f"Received: {model.input_shape} -> {model.output_shape}"
        )
    return model


def read_record(path: pathlib.Path) -> dict:
    """What a `.keras` file says of its making; {} where it says nothing."""
    with zipfile.ZipFile(path) as archive:
        if _RECORD not in archive.namelist():
            return {}
        return json.loads(archive.read(_RECORD))
