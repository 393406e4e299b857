"""A bundle packed, unpacked, damaged and made by a stranger."""

import json
import os
import pathlib
import zipfile

import numpy as np
import pytest

from rbc_tf.inference import bundle as bundles
from rbc_tf.inference.bundle import BundleError
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.packed import archive, packing, quantisation, twin
from tests import tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle.write(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(autouse=True)
def _small_arrays_too(monkeypatch):
    """The tiny networks have no array that would be worth it."""
    monkeypatch.setattr(quantisation, "_FEWEST_VALUES", 16)


@pytest.fixture
def packed(bundle, tmp_path):
    packing.pack(bundle, tmp_path / "tiny.rbc")
    return tmp_path / "tiny.rbc"


def test_what_is_unpacked_is_the_twin_byte_by_byte(bundle, packed, tmp_path):
    expected, arrays = twin.write(bundle, tmp_path / "twin")
    found = archive.unpack(packed, tmp_path / "unpacked")
    assert sum(map(len, arrays.values())) > 0
    assert found.files == expected.files
    assert found.sha256 == expected.sha256
    assert found.manifest.weight_bits == 8


def test_the_twin_computes_nearly_the_same(bundle, packed, tmp_path):
    unpacked = archive.unpack(packed, tmp_path / "unpacked")
    image = tiny_bundle.image(2)
    one, other = (Chain(each, precision="float32").analyze(image) for each in (bundle, unpacked))
    assert len(one.boxes) == 2
    np.testing.assert_allclose(other.boxes, one.boxes, atol=0.5)
    np.testing.assert_allclose(other.probabilities, one.probabilities, atol=0.02)


def test_the_same_bundle_makes_the_same_file(bundle, packed, tmp_path):
    packing.pack(bundle, tmp_path / "again.rbc")
    assert (tmp_path / "again.rbc").read_bytes() == packed.read_bytes()


def test_the_card_is_read_without_unpacking(packed):
    assert archive.read(packed, bundles.MODEL_CARD).startswith(b"# Model card")


def test_another_name_is_refused(bundle, tmp_path):
    with pytest.raises(ValueError, match=r"NAME\.rbc.*tiny\.zip"):
        packing.pack(bundle, tmp_path / "tiny.zip")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\3\4" + b"\0" * 40])
def test_other_files_are_no_packed_bundles(tmp_path, content):
    (tmp_path / "a.rbc").write_bytes(content)
    with pytest.raises(BundleError, match=r"a\.rbc: is no packed bundle"):
        archive.unpack(tmp_path / "a.rbc", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _members(path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def _rewritten(packed: pathlib.Path, changed: dict[str, bytes], index=None) -> pathlib.Path:
    members = _members(packed) | changed
    if index is not None:
        content = json.loads(members["index.json"])
        index(content)
        members["index.json"] = json.dumps(content).encode()
    path = packed.with_name("changed.rbc")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members.items():
            written.writestr(name, content)
    return path


def test_pipes_and_devices_are_no_packed_bundles(tmp_path):
    os.mkfifo(tmp_path / "pipe.rbc")
    (tmp_path / "zeros.rbc").symlink_to("/dev/zero")
    for name in ("pipe.rbc", "zeros.rbc"):
        with pytest.raises(BundleError, match=rf"is no packed bundle .*{name} must be a file"):
            archive.unpack(tmp_path / name, tmp_path / "out")


def test_changed_weights_are_noticed(packed, tmp_path):
    codes = bytearray(_members(packed)["codes/0"])
    codes[0] ^= 1
    changed = _rewritten(packed, {"codes/0": bytes(codes)})
    with pytest.raises(BundleError, match=r"damaged.*has been changed"):
        archive.unpack(changed, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _first_segment(index):
    return next(segments[0] for segments in index["files"].values() if segments)


def _repeat_first_segment(index):
    segments = next(segments for segments in index["files"].values() if segments)
    segments += [segments[0]] * 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda index: index.update(format="other"), "format 'rbc_tf packed bundle'"),
        (lambda index: index.update(format_version=2), "version 1 is required. Received: 2"),
        (lambda index: index["files"].update({"../x": []}), "names files outside"),
        (lambda index: index["files"].update({"/etc/x": []}), "names files outside"),
        (lambda index: index["files"].update({"missing": []}), "files/missing"),
        (lambda index: _first_segment(index).update(start=10**9), "outside of the file"),
        (lambda index: _first_segment(index).update(start=-1), "outside of the file"),
        (lambda index: _first_segment(index).update(shape=[10**6, 10**6]), "do not belong|hold"),
        (lambda index: _first_segment(index).update(shape=[1]), "do not belong|must hold"),
        (lambda index: index.update(files=[]), "damaged"),
        (_repeat_first_segment, "numbers of its own"),
    ],
)
def test_an_index_that_makes_no_sense_is_refused(packed, tmp_path, change, message):
    changed = _rewritten(packed, {}, change)
    with pytest.raises(BundleError, match=message):
        archive.unpack(changed, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "x").exists()


def test_few_codes_cannot_become_gigabytes(packed, tmp_path):
    """Codes [n, 1] times scales [1, n] would be a square of weights."""
    size = len(_members(packed)["codes/0"])

    def grow(index):
        _first_segment(index).update(shape=[size, 1], scales_shape=[1, size])

    changed = _rewritten(packed, {"scales/0": bytes(4 * size)}, grow)
    with pytest.raises(BundleError, match="do not belong"):
        archive.unpack(changed, tmp_path / "out")


def test_an_archive_that_unpacks_to_far_more_is_refused(packed, tmp_path):
    changed = _rewritten(packed, {"files/more": bytes(200 * 2**20)})
    with pytest.raises(BundleError, match="must unpack to at most"):
        archive.unpack(changed, tmp_path / "out")
