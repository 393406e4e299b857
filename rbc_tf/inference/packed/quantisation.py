"""Weights as whole numbers of 8 bits, with a scale for each output of a layer.

An output's weights w become round(w / s) with s = max|w| / 127: symmetric, so that 0 stays 0. Each
output has its own scale because their sizes differ by far within a layer (Krishnamoorthi 2018,
"Quantizing deep convolutional networks for efficient inference", arXiv:1806.08342, section 3.1).
"""

import dataclasses

import numpy as np

_LARGEST_CODE = 127
# Smaller arrays, and vectors, are kept as they are: they take no room and matter most.
_FEWEST_VALUES = 4096


@dataclasses.dataclass(frozen=True, eq=False)
class Quantised:
    """An array of weights in 8 bits.

    Attributes:
        codes: int8 of the shape of the weights.
        scales: float32, of as many axes, 1 where weights of one output lie.
    """

    codes: np.ndarray
    scales: np.ndarray

    def restored(self) -> np.ndarray:
        """float32, the same on every machine: one exact product for each weight."""
        return self.codes.astype(np.float32) * self.scales


def applies(values: np.ndarray) -> bool:
    """Whether an array is one of many weights, which are worth it."""
    return values.dtype == np.float32 and values.ndim >= 2 and values.size >= _FEWEST_VALUES


def quantise(values: np.ndarray) -> Quantised:
    """Of weights float32, the outputs last: [D, N], [D, T, N] of heads, [H, W, D, N].

    Of depthwise convolutions, [H, W, N, 1], the outputs are second to last.

    Raises ValueError where a weight is no finite number.
    """
    if not np.isfinite(values).all():
        raise ValueError("Weights must be finite numbers")
    largest = np.abs(values).max(axis=_axes_of_an_output(values.shape), keepdims=True)
    scales = np.where(largest > 0, largest / np.float32(_LARGEST_CODE), 1).astype(np.float32)
    return Quantised(np.rint(values / scales).astype(np.int8), scales)


def _axes_of_an_output(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) == 4:
        return (0, 1) if shape[3] == 1 else (0, 1, 2)
    return (0,)
