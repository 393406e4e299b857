"""Weights files as torch.save wrote them before it wrote zip archives; PyTorch is not needed."""

import collections
import os
import pickle
import sys
import types

import numpy as np
import pytest

from rbc_tf.features import torch_file


class _Stored:
    """An array to be written; `order` is that of its axes in the storage."""

    def __init__(self, array, order=None):
        self.array = array
        order = order or tuple(range(array.ndim))
        self.flat = np.ascontiguousarray(array.transpose(order)).ravel()
        strides = np.array(np.ascontiguousarray(array.transpose(order)).strides) // array.itemsize
        self.strides = tuple(int(strides[order.index(axis)]) for axis in range(array.ndim))


class _Storage:
    def __init__(self, key, stored):
        self.key, self.stored = key, stored


@pytest.fixture
def write(monkeypatch, tmp_path):
    """Writes a file of arrays by name; what stands for PyTorch is gone when it is read."""

    def write_file(stored, cut=0, extra=None):
        torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
        torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})

        def _rebuild_tensor_v2(*args):
            return None

        _rebuild_tensor_v2.__module__ = "torch._utils"
        _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
        utils._rebuild_tensor_v2 = _rebuild_tensor_v2
        path = tmp_path / "weights.pth"
        with monkeypatch.context() as context, path.open("wb") as file:
            context.setitem(sys.modules, "torch", torch)
            context.setitem(sys.modules, "torch._utils", utils)

            class Tensor:
                def __init__(self, key, stored):
                    self.key, self.stored = key, stored

                def __reduce__(self):
                    s = self.stored
                    storage = _Storage(self.key, s)
                    return utils._rebuild_tensor_v2, (
                        *(storage, 0, s.array.shape, s.strides),
                        *(False, collections.OrderedDict()),
                    )

            class Pickler(pickle.Pickler):
                def persistent_id(self, obj):
                    if isinstance(obj, _Storage):
                        size = len(obj.stored.flat)
                        return ("storage", torch.FloatStorage, obj.key, "cpu", size, None)
                    return None

            for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
                pickle.dump(value, file, protocol=2)
            keys = {name: str(i) for i, name in enumerate(stored)}
            tensors = collections.OrderedDict((n, Tensor(keys[n], s)) for n, s in stored.items())
            if extra is not None:
                tensors["extra"] = extra
            Pickler(file, protocol=2).dump(tensors)
            pickle.dump(list(keys.values()), file, protocol=2)
            for one in stored.values():
                file.write(np.int64(len(one.flat)).tobytes() + one.flat.astype("<f4").tobytes())
        if cut:
            path.write_bytes(path.read_bytes()[:-cut])
        return path

    return write_file


def test_arrays_come_back_whatever_their_order_in_the_file(write):
    kernel = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    path = write({"a.kernel": _Stored(kernel, (1, 2, 0)), "a.bias": _Stored(kernel[0, 0])})
    found = torch_file.read(path)
    assert list(found) == ["a.kernel", "a.bias"]
    np.testing.assert_array_equal(found["a.kernel"], kernel)
    np.testing.assert_array_equal(found["a.bias"], kernel[0, 0])


class _Calls:
    def __reduce__(self):
        return print, ("called",)


def test_a_file_that_would_call_something_is_refused(write):
    with pytest.raises(ValueError, match=r"builtin.*print"):
        torch_file.read(write({"a": _Stored(np.zeros(3, np.float32))}, extra=_Calls()))


@pytest.mark.parametrize("before", [(), (0x1950A86A20F9469CFC6C,)])
def test_nothing_is_called_before_the_file_is_known_either(tmp_path, before, capsys):
    content = b"".join(pickle.dumps(value, protocol=2) for value in (*before, _Calls()))
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(ValueError, match=r"builtin.*print"):
        torch_file.read(tmp_path / "w.pth")
    assert "called" not in capsys.readouterr().out


def test_a_tensor_of_more_numbers_than_are_stored_is_refused(write):
    repeated = _Stored(np.zeros((2, 3), np.float32))
    repeated.strides, repeated.flat = (0, 1), repeated.flat[:3]
    with pytest.raises(ValueError, match="more numbers than are stored"):
        torch_file.read(write({"a": repeated}))


def test_a_file_that_ends_early_is_refused(write):
    with pytest.raises(ValueError, match="ends before"):
        torch_file.read(write({"a": _Stored(np.zeros(3, np.float32))}, cut=2))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps(5, protocol=2) * 2])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(ValueError, match="no weights file that torch"):
        torch_file.read(tmp_path / "w.pth")


def test_pipes_and_devices_are_no_weights(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "zeros.pth").symlink_to("/dev/zero")
    for name in ("pipe.pth", "zeros.pth"):
        with pytest.raises(ValueError, match=rf"{name} must be a file"):
            torch_file.read(tmp_path / name)
