import io
import os
import zipfile

import numpy as np
import pytest

from rbc_tf.core import archives


def _npy_header(shape, dtype="<f8"):
    text = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        text, {"shape": shape, "fortran_order": False, "descr": dtype}
    )
    return text.getvalue()


def test_arrays_come_back(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(3), b=np.array("text"), c=np.zeros((0, 4)))
    found = archives.load_npz(tmp_path / "a.npz")
    assert found["a"].tolist() == [0, 1, 2]
    assert str(found["b"]) == "text"
    assert found["c"].shape == (0, 4)


def test_an_archive_that_unpacks_to_far_more_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "heads.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (70 * 2**20))
    assert path.stat().st_size < 2**20
    with pytest.raises(ValueError, match=r"heads\.keras.*must unpack to at most 67,108,864 bytes"):
        archives.check(path)


def test_an_array_whose_header_promises_more_than_there_is_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    for shape in ((10**12,), (2**63, 2**63), (5,)):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", _npy_header(shape) + b"\0" * 8)
        with pytest.raises(ValueError, match=r"a\.npz cannot be read: a\.npy must hold"):
            archives.load_npz(path)


def test_pipes_and_devices_are_no_archives(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "zeros.npz").symlink_to("/dev/zero")
    for name in ("pipe.npz", "zeros.npz"):
        for read in (archives.check, archives.load_npz):
            with pytest.raises(ValueError, match=rf"{name} must be a file"):
                read(tmp_path / name)
        with pytest.raises(ValueError, match=rf"{name} must be a file"):
            archives.read_json(tmp_path / name, "config.json")


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    for read in (archives.check, archives.load_npz):
        with pytest.raises(ValueError, match=r"a\.npz cannot be read"):
            read(tmp_path / "a.npz")


def test_flipped_bits_and_pickles_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(1000))
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz cannot be read"):
        archives.load_npz(path)
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="pickle"):
        archives.load_npz(path)


def test_a_directory_in_which_a_member_swallows_the_others_is_refused(tmp_path):
    """Its lengths have no checksum: what stands behind is taken for the comment of the first."""
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(3), b=np.arange(4))
    content = bytearray(path.read_bytes())
    first, second = content.find(b"PK\1\2"), content.rfind(b"PK\1\2")
    end = content.rfind(b"PK\5\6")
    content[first + 32 : first + 34] = (end - second).to_bytes(2, "little")
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["a.npy"]
    for read in (archives.check, archives.load_npz):
        with pytest.raises(ValueError, match=r"must list 2 files\. Received: 1"):
            read(path)


def test_an_archive_may_have_a_comment(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", _npy_header((0,)))
        archive.comment = b"x" * (2**16 - 1)
    assert list(archives.load_npz(tmp_path / "a.npz")) == ["a"]


def test_json_in_an_archive(tmp_path):
    path = tmp_path / "b.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", '{"a": 1}')
        archive.writestr("bad.json", "{")
    assert archives.read_json(path, "a.json") == {"a": 1}
    assert archives.read_json(path, "none.json") is None
    with pytest.raises(ValueError, match=r"b\.keras cannot be read: bad\.json must be JSON"):
        archives.read_json(path, "bad.json")
