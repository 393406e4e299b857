"""The twin of a bundle whose weights are those that 8 bits hold, as plain files of 4-byte numbers.

It is a bundle like any other, in the same formats. Packing (see `archive`) leaves out of its files
what the codes and scales give back.
"""

import dataclasses
import io
import pathlib
import zipfile

import h5py
import numpy as np
import tensorflow as tf

from rbc_tf.classification import classifier
from rbc_tf.detection import record
from rbc_tf.inference import bundle as bundles
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.packed import quantisation
from rbc_tf.inference.packed.quantisation import Quantised

_CHECKPOINT = "variables/variables"
_WEIGHTS = "model.weights.h5"
# So that the same weights make the same file.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)

WEIGHT_BITS = 8


def write(bundle: Bundle, output_dir: pathlib.Path) -> tuple[Bundle, dict[str, list[Quantised]]]:
    """Writes the twin.

    Args:
        bundle: of any weights.
        output_dir: new folder for the twin.

    Returns:
        The twin, and {file in it: its quantised arrays}.
    """
    arrays: dict[str, list[Quantised]] = {}
    with bundles.rewriting(bundle, output_dir) as folder:
        data = f"{bundles.DETECTOR}/{_CHECKPOINT}.data-00000-of-00001"
        arrays[data] = _rewrite_checkpoint(folder / bundles.DETECTOR / _CHECKPOINT)
        for name in bundle.files:
            if name.endswith(".keras"):
                arrays[name] = _rewrite_keras(folder / name)
        classifier.note_files(folder / bundles.CLASSIFIER)
        record.note_files(folder / bundles.DETECTOR)
        manifest = dataclasses.replace(bundle.manifest, weight_bits=WEIGHT_BITS)
        bundles.finish(folder, manifest)
    return bundles.load_bundle(output_dir), arrays


def _rewrite_checkpoint(prefix: pathlib.Path) -> list[Quantised]:
    reader = tf.train.load_checkpoint(str(prefix))
    names = sorted(reader.get_variable_to_shape_map())
    tensors, arrays = [], []
    for name in names:
        value = reader.get_tensor(name)
        if isinstance(value, np.ndarray) and quantisation.applies(value):
            arrays.append(quantisation.quantise(value))
            value = arrays[-1].restored()
        tensors.append(tf.constant(value))
    del reader  # before its files are replaced
    for path in prefix.parent.glob(f"{prefix.name}.*"):
        path.unlink()
    tf.raw_ops.SaveV2(
        prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors
    )
    return arrays


def _rewrite_keras(path: pathlib.Path) -> list[Quantised]:
    """The members of the archive as they are, but for the weights; none of them compressed."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    weights = io.BytesIO(members[_WEIGHTS])
    arrays: list[Quantised] = []

    def rewrite(_, node) -> None:
        if isinstance(node, h5py.Dataset) and quantisation.applies(value := np.asarray(node)):
            arrays.append(quantisation.quantise(value))
            node[...] = arrays[-1].restored()

    with h5py.File(weights, "r+") as stored:
        stored.visititems(rewrite)
    members[_WEIGHTS] = weights.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), content)
    return arrays
