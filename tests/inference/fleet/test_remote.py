"""Bundles that lie elsewhere are copied within bounds. Beam reads a path as it reads a URL."""

import json

import pytest

from rbc_tf.classification.calibration import Calibration
from rbc_tf.core import files
from rbc_tf.core.cell_types import PAPER
from rbc_tf.features.crops import CropConfig
from rbc_tf.inference import bundle as bundles
from rbc_tf.inference.fleet import remote
from rbc_tf.manifest.manifest import Manifest
from tests import builders


@pytest.fixture
def elsewhere(tmp_path):
    calibration = Calibration((1.0,) * len(PAPER), (0.5,) * len(PAPER))
    manifest = Manifest(cell_types=PAPER, crop=CropConfig(), calibration=calibration)
    parts = builders.bundle_parts(tmp_path / "parts")
    return bundles.write_bundle(tmp_path / "elsewhere" / "bundle", parts, manifest)


def _name(bundle, name):
    path = bundle.path / bundles.MANIFEST
    content = json.loads(path.read_text())
    del content["sha256"]
    content["files"][name] = "0" * 64
    path.write_text(json.dumps({**content, "sha256": files.sha256_of_json(content)}))


def test_a_copy_is_the_bundle(elsewhere, tmp_path):
    copy = remote._download_bundle(str(elsewhere.path), tmp_path / "copy")
    assert (copy.sha256, copy.manifest) == (elsewhere.sha256, elsewhere.manifest)
    assert copy.source == str(elsewhere.path)


@pytest.mark.parametrize("name", ["../outside", "{tmp}/outside", "detector/../../outside"])
def test_nothing_is_written_outside_of_the_copy(elsewhere, tmp_path, name):
    (tmp_path / "elsewhere" / "outside").write_text("hostile")
    name = name.format(tmp=tmp_path)
    _name(elsewhere, name)
    with pytest.raises(bundles.BundleError, match="inside of the bundle"):
        remote._download_bundle(str(elsewhere.path), tmp_path / "copy" / "deep")
    assert [path.name for path in (tmp_path / "copy" / "deep").iterdir()] == ["manifest.json"]
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "copy" / "outside").exists()


def test_what_is_larger_than_a_bundle_is_not_fetched(elsewhere, tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "MOST_BYTES", 20)
    with pytest.raises(bundles.BundleError, match="larger than anything in a bundle may be"):
        remote._download_bundle(str(elsewhere.path), tmp_path / "copy")
    monkeypatch.setattr(bundles, "MOST_MANIFEST_BYTES", 20)
    with pytest.raises(bundles.BundleError, match=r"manifest\.json: larger than"):
        remote._download_bundle(str(elsewhere.path), tmp_path / "another")
