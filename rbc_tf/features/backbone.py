"""A frozen network as a maker of features: patches in, D values each out (the paper: Features).

`rbc_tf/features/backbones` has the networks; here their weights are had, saved and loaded. The
paper takes ResNet-50 pre-trained on ImageNet, not fine-tuned: the default.
"""

import dataclasses
import functools
import hashlib
import pathlib
import zipfile

import numpy as np
from absl import logging

from rbc_tf.core import archives, files, network_files
from rbc_tf.core.keras_settings import keras
from rbc_tf.features import backbone_spec
from rbc_tf.features.backbone_spec import BackboneSpec

FILE = "backbone.keras"

IMAGENET = "imagenet"
RANDOM = "random"

# Their names in the `.keras` archive: which network it is, and how a fine-tuned one was made.
_NETWORK, _RECORD = "rbc_tf_backbone.json", "rbc_tf_record.json"


class WeightsError(ValueError):
    """The weights of a backbone cannot be had, or are not those of its network."""


@dataclasses.dataclass(frozen=True, eq=False)
class Backbone:
    """A frozen network from patches to features.

    Attributes:
        model: float32 [N, patch_size, patch_size, 3] RGB, 0 to 255 -> float32 [N, feature_dim].
        record: of a fine-tuned one, how it was made (see `finetuning.make_record`); else {}.
        name: of its network, as in `backbone_spec`.
    """

    model: keras.Model
    record: dict = dataclasses.field(default_factory=dict)
    name: str = backbone_spec.DEFAULT

    @functools.cached_property
    def weights_sha256(self) -> str:
        """Hash of the weights; two backbones with the same one agree."""
        return hash_of_weights(self.model)

    @property
    def spec(self) -> BackboneSpec:
        return backbone_spec.find(self.name)

    @property
    def patch_size(self) -> int:
        return self.model.input_shape[1]

    @property
    def feature_dim(self) -> int:
        return self.model.output_shape[-1]

    def save(self, path: str | pathlib.Path) -> None:
        """Writes a `.keras` file that `load_backbone` reads, preprocessing and record included."""
        network = {"name": self.name, "feature_dim": self.feature_dim}
        with files.atomic_path(path) as temporary:
            self.model.save(temporary)
            # More files in the archive, which Keras leaves alone.
            with zipfile.ZipFile(temporary, "a", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(_NETWORK, files.json_bytes(network))
                if self.record:
                    archive.writestr(_RECORD, files.json_bytes(self.record))


def load_backbone(
    weights: str, patch_size: int | None = None, seed: int = 0, name: str | None = None
) -> Backbone:
    """The backbone for patches of `patch_size`.

    Args:
        weights: 'imagenet' (downloaded once); the path of a weights file of the network (its
            `readers`); the path of a `.keras` file of a whole backbone, as `Backbone.save` writes
            (a fine-tuned one, for instance); or 'random'.
        patch_size: side of the patches; left out, that of a whole backbone, and of others the
            network's own.
        seed: of the random weights; unused otherwise.
        name: of the network; left out, that of a whole backbone, and for other weights ResNet-50.

    Raises:
        WeightsError: the weights cannot be downloaded, found or read, or do not fit.
        ValueError: there is no such network, or patches are too small for it.
    """
    if weights not in (RANDOM, IMAGENET) and pathlib.Path(weights).suffix == ".keras":
        return _whole_backbone(_existing(pathlib.Path(weights)), patch_size, name)
    spec = backbone_spec.find(name or backbone_spec.DEFAULT)
    patch_size = patch_size or spec.patch_size
    spec.check_patch_size(patch_size)
    if weights == RANDOM:
        logging.warning(
            "The %s has RANDOM weights (seed %d): its features know nothing of cells. "
            "Use them to try the software, never to judge a sample.",
            spec.title,
            seed,
        )
        network = spec.build(patch_size)
        spec.randomise(network, seed)
    elif weights == IMAGENET:
        network = _imagenet_network(spec, patch_size)
    else:
        network = network_from_file(spec, patch_size, pathlib.Path(weights))
    return _frozen(spec.with_preprocessing(network), {}, spec.name)


def _frozen(model: keras.Model, record: dict, name: str) -> Backbone:
    model.trainable = False
    return Backbone(model, record, name)


def _existing(path: pathlib.Path) -> pathlib.Path:
    if not path.is_file():
        raise WeightsError(
            "`weights` must be 'imagenet', 'random' or the path of a weights file or of a .keras "
            f"file. Received: '{path}', which is no file"
        )
    return path


def _imagenet_network(spec: BackboneSpec, patch_size: int) -> keras.Model:
    instead = f"Give the path of {spec.weights_file}, fetched elsewhere, instead of 'imagenet'."
    if spec.build_imagenet is None:
        raise WeightsError(f"No ImageNet weights of {spec.title} can be downloaded. {instead}")
    try:
        return spec.build_imagenet(patch_size)
    except Exception as error:  # `keras.utils.get_file` raises bare Exception
        raise WeightsError(
            f"The ImageNet weights of {spec.title} cannot be downloaded ({error}). {instead}"
        ) from error


def network_from_file(spec: BackboneSpec, patch_size: int, path: pathlib.Path) -> keras.Model:
    """A network of `spec.build` with the weights of a file.

    Raises:
        WeightsError: there is no such file, or it is none of this network.
    """
    _existing(path)
    if path.suffix not in spec.readers:
        suffixes = ", ".join([*spec.readers, ".keras"])
        raise WeightsError(
            f"A weights file of {spec.title} must end in one of {suffixes}. Received: {path}"
        )
    network = spec.build(patch_size)
    try:
        spec.readers[path.suffix](network, path)
    except (ValueError, OSError, KeyError) as error:
        raise WeightsError(f"{path} must hold {spec.weights_file}: {error}") from error
    return network


def _whole_backbone(path: pathlib.Path, patch_size: int | None, name: str | None) -> Backbone:
    try:
        own_name, record = read_name(path), read_record(path)
        backbone_spec.register_layers()
        model = network_files.load(path)
    except network_files.ERRORS as error:
        raise WeightsError(f"{path} must be a Keras model file: {error}") from error
    if name not in (None, own_name):
        raise WeightsError(f"{path} must hold a {name}. Received: a {own_name}")
    size = patch_size or model.input_shape[1]
    if model.input_shape != (None, size, size, 3) or len(model.output_shape) != 2:
        raise WeightsError(
            f"{path} must take patches of shape (None, {size}, {size}, 3), as the "
            f"crop settings say, and give one vector each. "
            f"Received: {model.input_shape} -> {model.output_shape}"
        )
    return _frozen(model, record, own_name)


def read_name(path: pathlib.Path) -> str:
    """Which network a `.keras` file of a backbone holds."""
    return _read_member(path, _NETWORK).get("name", backbone_spec.UNNAMED)


def read_record(path: pathlib.Path) -> dict:
    """How the backbone of a `.keras` file was fine-tuned; {} where it was not."""
    return _read_member(path, _RECORD)


def _read_member(path: pathlib.Path, name: str) -> dict:
    """A JSON file in the archive; {} where it has none."""
    return archives.read_json(path, name) or {}


def hash_of_weights(model: keras.Model) -> str:
    """sha256 over shapes, dtypes and values of all weights in the order of the model."""
    digest = hashlib.sha256()
    for variable in model.weights:
        value = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{value.shape}{value.dtype}".encode())
        digest.update(value)
    return digest.hexdigest()
