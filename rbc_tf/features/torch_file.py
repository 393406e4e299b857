"""Arrays from a PyTorch weights file, without PyTorch and without running what it holds.

`torch.save` wrote, before it wrote zip archives: the pickles of a magic number, of a protocol
version, of facts about the machine, of the mapping itself, in which each tensor names a storage,
and of the list of storages; then, for each of these, a count and the raw numbers. A pickle may
call anything; here it can rebuild mappings and float tensors and nothing else.
"""

import collections
import math
import pathlib
import pickle
from typing import IO

import numpy as np

from rbc_tf.core import structured

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

# Of the storages that weights have; the counts of steps, int64, are in every file.
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}

# What reading a pickle that holds something else comes to.
_DAMAGED = (
    *(pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError),
    *(OverflowError, MemoryError),
)


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The tensors of a state dictionary by name.

    Raises:
        ValueError: the file is not of this form, or holds something else than such tensors.
        OSError: it cannot be read.
    """
    try:
        with structured.open_file(path) as file:
            if [_Restricted(file).load() for _ in range(2)] != [_MAGIC, _PROTOCOL]:
                raise ValueError("it is no weights file that torch.save wrote in its old form")
            _Restricted(file).load()
            tensors = _Restricted(file).load()
            arrays = _read_storages(file, _Restricted(file).load(), tensors)
        return {name: tensor.array(arrays) for name, tensor in tensors.items()}
    except _DAMAGED as error:
        raise ValueError(f"it is no weights file that torch.save wrote: {error}") from error


class _Tensor:
    """What a pickle says of a tensor: its storage, the place in it, and its form."""

    def __init__(self, storage, offset, shape, strides, *_):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self, storages: dict[str, np.ndarray]) -> np.ndarray:
        stored = storages[self.storage[0]]
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if min((*self.shape, 1)) < 1 or min((*self.strides, self.offset)) < 0:
            raise ValueError("a tensor is empty, or runs backwards")
        if last >= len(stored):
            raise ValueError("a tensor reaches beyond what is stored")
        if math.prod(self.shape) > len(stored):
            raise ValueError("a tensor has more numbers than are stored")
        strides = [stride * stored.itemsize for stride in self.strides]
        view = np.lib.stride_tricks.as_strided(stored[self.offset :], self.shape, strides)
        return view.copy()


class _Restricted(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which weights do not need")

    def persistent_load(self, pid):
        _, kind, key, _, count, *_ = pid
        return key, _DTYPES[kind], count


def _read_storages(file: IO[bytes], keys: list, tensors: dict) -> dict[str, np.ndarray]:
    kinds = {t.storage[0]: t.storage[1:] for t in tensors.values()}
    arrays = {}
    for key in keys:
        dtype, count = kinds[key]
        (stored,) = np.frombuffer(file.read(8), "<i8")
        if stored != count:
            raise ValueError(f"{count} numbers are announced and {stored} stored")
        raw = file.read(count * np.dtype(dtype).itemsize)
        if len(raw) != count * np.dtype(dtype).itemsize:
            raise ValueError("it ends before its last number")
        arrays[key] = np.frombuffer(raw, dtype)
    return arrays
