"""Keras networks in .keras files that somebody else may have written."""

import io
import math
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import h5py

from rbc_tf.core import archives
from rbc_tf.core.keras_settings import keras

# What Keras raises of files that hold no network; its own words say little without the file's name.
ERRORS = (ValueError, OSError, KeyError, TypeError, AttributeError)

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"

# Far beyond what is built here: ResNet-50 has 2,048 features and 23 million weights, which come to
# 116 million where each layer is taken for as wide as the widest.
_LARGEST_NUMBER, _MOST_WEIGHTS = 65_536, 2**29
_OUTPUTS = ("filters", "units", "hidden_units", "depth_multiplier")
_NO_SIZES = ("seed", "shared_object_id")


def load(path: str | os.PathLike) -> keras.Model:
    """The network of a file, to predict with; no code that the file may hold is run.

    Raises one of `ERRORS` where it holds none, unpacks to far more than networks do, asks for
    larger layers, or takes its weights from other files.
    """
    archives.check(path)
    _check_layers(archives.read_json(path, _CONFIG))
    _check_weights(path)
    with archives.opened(path):  # for its errors
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def _check_layers(config) -> None:
    """Room is made for layers as their description wants it, before there are any weights."""
    largest = max(_sizes(config), default=0)
    if largest > _LARGEST_NUMBER:
        raise ValueError(
            f"sizes in a network must be at most {_LARGEST_NUMBER:,}. Received: {str(largest)[:20]}"
        )
    layers = [_outputs_and_kernel(one) for one in _dictionaries(config)]
    widest = max((outputs for outputs, _ in layers), default=0)
    weights = sum(outputs * kernel * widest for outputs, kernel in layers)
    if weights > _MOST_WEIGHTS:
        raise ValueError(
            f"a network must have at most {_MOST_WEIGHTS:,} weights. Received: layers that may "
            f"have {weights:,}"
        )


def _dictionaries(value) -> Iterator[dict]:
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
        if isinstance(found, dict | list):
            waiting += found.values() if isinstance(found, dict) else found


def _sizes(config) -> Iterator[int]:
    """The whole numbers of a description; floating-point ones are rates and thresholds."""
    for one in _dictionaries(config):
        for key, value in one.items():
            numbers = value if isinstance(value, list) else [value]
            yield from (
                abs(n)
                for n in numbers
                if isinstance(n, int) and not isinstance(n, bool) and key not in _NO_SIZES
            )


def _outputs_and_kernel(layer: dict) -> tuple[int, int]:
    """How wide a layer is, and how many places its kernel has; (0, 0) where it is no layer."""
    outputs: Any = next((layer[key] for key in _OUTPUTS if key in layer), None)
    kernel = layer.get("kernel_size", 1)
    sides = kernel if isinstance(kernel, list) else [kernel]
    if isinstance(layer.get("names"), list):  # one of them for each cell type
        sides = [*sides, len(layer["names"])]
    if not all(isinstance(number, int) for number in (outputs, *sides)):
        return 0, 0
    return outputs, math.prod(sides)


def _check_weights(path: str | os.PathLike) -> None:
    """HDF5 makes room for what a data set says it holds, and can read it from other files."""
    content = archives.read_bytes(path, _WEIGHTS)
    limit = archives.most_unpacked(pathlib.Path(path).stat().st_size)
    with h5py.File(io.BytesIO(content)) as file:
        total = sum(one.nbytes for one in _datasets(file))
    if total > limit:
        raise ValueError(f"its weights must have at most {limit:,} bytes. Received: {total:,}")


def _datasets(group: h5py.Group) -> Iterator[h5py.Dataset]:
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{_WEIGHTS} must hold the weights themselves. {name} is a link")
        found = group[name]
        if isinstance(found, h5py.Group):
            yield from _datasets(found)
        elif found.external or found.is_virtual:
            raise ValueError(f"{_WEIGHTS} must hold the weights themselves. {name} has them not")
        else:
            yield found
