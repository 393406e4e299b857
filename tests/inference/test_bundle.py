"""Bundles: what is written comes back, and whatever is wrong is refused."""

import dataclasses
import json
import os
import shutil

import pytest

from rbc_tf.classification.calibration import Calibration
from rbc_tf.core import files as artifacts
from rbc_tf.core.cell_types import PAPER
from rbc_tf.features.crops import CropConfig
from rbc_tf.inference import bundle as bundles
from rbc_tf.manifest.manifest import Manifest
from rbc_tf.manifest.records import Metrics, Network
from tests import builders


@pytest.fixture
def parts(tmp_path):
    return builders.bundle_parts(tmp_path / "parts")


@pytest.fixture
def manifest():
    return Manifest(
        cell_types=PAPER,
        crop=CropConfig(mode="letterbox", size=96, context=0.1),
        calibration=Calibration(
            (1.0, 1.2, 0.8, 0.1 + 0.2, 2.0, 10.0), (0.5, 0.4, 0.3, 0.2, 1 / 3, 0.6)
        ),
        threshold_objective="f1",
        score_threshold=0.7,
        backbone="random",
        network=Network("net", "Net 7", 9),
        metrics=Metrics(detector_validation={"AP50": 0.9}),
    )


@pytest.fixture
def folder(tmp_path, parts, manifest):
    return bundles.write_bundle(tmp_path / "bundle", parts, manifest).path


def _edit(folder, **changes):
    """As somebody does who knows how the manifest is hashed."""
    path = folder / bundles.MANIFEST
    content = json.loads(path.read_text()) | changes
    content.pop("sha256", None)
    path.write_text(json.dumps({**content, "sha256": artifacts.sha256_of_json(content)}))


def _calibration(**changes):
    right = {
        "temperatures": dict.fromkeys(PAPER.names, 1.0),
        "thresholds": dict.fromkeys(PAPER.names, 0.5),
        "threshold_objective": "plain",
    }
    return right | changes


def test_a_bundle_comes_back(folder, manifest):
    loaded = bundles.load_bundle(folder)
    assert loaded.manifest.created
    for name in ("cell_types", "crop", "score_threshold", "backbone", "network", "metrics"):
        assert getattr(loaded.manifest, name) == getattr(manifest, name)
    # To the last digit: a threshold lies halfway between two probabilities.
    assert loaded.manifest.calibration == manifest.calibration
    assert loaded.manifest.thresholds == manifest.calibration.thresholds
    assert loaded.manifest.threshold_objective == "f1"
    assert (folder / "detector" / "variables" / "data").read_bytes() == b"weights"
    assert not (folder / "classifier" / "tensorboard").exists()


def test_the_card_is_part_of_the_bundle(folder):
    card = folder / "MODEL_CARD.md"
    assert "Not a medical device" in card.read_text()
    assert "| Reti | 0.300 | 0.800 |" in card.read_text()
    card.write_text(card.read_text().replace("Not a medical", "A medical"))
    with pytest.raises(bundles.BundleError, match=r"MODEL_CARD\.md has been changed"):
        bundles.load_bundle(folder)


def test_bundles_without_a_card_are_read(folder):
    """As versions before the card wrote them."""
    (folder / "MODEL_CARD.md").unlink()
    files = json.loads((folder / bundles.MANIFEST).read_text())["files"]
    del files["MODEL_CARD.md"]
    _edit(folder, files=files)
    assert bundles.load_bundle(folder).manifest.backbone == "random"


def test_bundles_that_name_no_network_have_resnet50(folder):
    """As rbc_tf 0.1.0 wrote them."""
    content = json.loads((folder / bundles.MANIFEST).read_text())
    content["format_version"] = 3
    del content["network"], content["sha256"]
    (folder / bundles.MANIFEST).write_text(json.dumps(content))
    assert bundles.load_bundle(folder).manifest.network == Network("resnet50", "ResNet-50")


def test_another_manifest_comes_with_another_card(folder):
    before = bundles.load_bundle(folder)
    changed = dataclasses.replace(before.manifest, backbone="imagenet")
    after = bundles.replace_manifest(before, changed)
    assert after.manifest == changed  # when it was made included
    assert after.sha256 != before.sha256
    assert "random weights" not in (folder / "MODEL_CARD.md").read_text()
    assert (folder / "detector" / "variables" / "data").read_bytes() == b"weights"
    # Nothing is left beside it.
    assert {path.name for path in folder.parent.iterdir()} == {"bundle", "parts"}


def test_plain_thresholds_are_selectable(folder, manifest):
    loaded = bundles.load_bundle(folder)
    plain = loaded.with_plain_thresholds()
    assert plain.manifest.thresholds == (0.5,) * 6
    assert plain.manifest.threshold_objective == "plain"
    assert plain.manifest.calibration.temperatures == manifest.calibration.temperatures
    assert (plain.path, plain.sha256) == (loaded.path, loaded.sha256)
    assert loaded.manifest.thresholds == manifest.thresholds


def test_writing_again_replaces(folder, parts, manifest):
    (parts.backbone).write_bytes(b"another")
    before = bundles.load_bundle(folder).sha256
    assert bundles.write_bundle(folder, parts, manifest).sha256 != before
    assert (folder / "backbone.keras").read_bytes() == b"another"


def test_a_changed_byte_is_named(folder):
    path = folder / "detector" / "variables" / "data"
    path.write_bytes(b"weightz")
    with pytest.raises(bundles.BundleError, match="variables/data has been changed"):
        bundles.load_bundle(folder)


def test_missing_and_foreign_files_are_named(folder):
    (folder / "backbone.keras").unlink()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(bundles.BundleError) as caught:
        bundles.load_bundle(folder)
    assert "backbone.keras is missing" in str(caught.value)
    assert "notes.txt does not belong to it" in str(caught.value)


def test_newer_and_foreign_formats_are_refused(folder, tmp_path):
    _edit(folder, format_version=5)
    newer = r"format versions 2, 3, 4\. Received: 5; a newer one needs a newer rbc_tf"
    with pytest.raises(bundles.BundleError, match=newer):
        bundles.load_bundle(folder)
    _edit(folder, format_version=1)
    older = r"Received: 1; export it again with rbc_tf export-bundle"
    with pytest.raises(bundles.BundleError, match=older):
        bundles.load_bundle(folder)
    _edit(folder, format="other")
    with pytest.raises(bundles.BundleError, match="'rbc_tf bundle' is required"):
        bundles.load_bundle(folder)
    (folder / bundles.MANIFEST).write_text("{")
    with pytest.raises(bundles.BundleError, match="no JSON"):
        bundles.load_bundle(folder)
    with pytest.raises(bundles.BundleError, match="is no bundle"):
        bundles.load_bundle(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"calibration": {}},
        {"calibration": _calibration(temperatures={})},
        {"calibration": _calibration(temperatures=dict.fromkeys(PAPER.names, 0))},
        {"calibration": _calibration(thresholds=dict.fromkeys(PAPER.names, 2))},
        {"calibration": _calibration(thresholds=dict.fromkeys(PAPER.names, "low"))},
        {"calibration": _calibration(threshold_objective="luck")},
        {"cell_types": [{"name": "x"}]},
        {"crop": {"mode": "stretch", "zoom": 2}},
        {"score_threshold": "high"},
        {"score_threshold": True},
        {"abnormal_threshold": False},
        {"abnormal_threshold": 10**400},
        {"calibration": _calibration(temperatures=dict.fromkeys(PAPER.names, 10**400))},
        {"calibration": _calibration(at_least_one="yes")},
        {"appearance": {"brightness": [10**400, 2]}},
        {"appearance": {"brightness": [float("nan"), 2]}},
        {"appearance": {"brightness": [True, "2"]}},
        {"appearance": {"brightness": [3, 2]}},
        {"weight_bits": "x"},
        {"created": {}},
        {"versions": [1]},
        {"backbone": 5},
    ],
)
def test_damaged_manifests_are_refused(folder, changes):
    _edit(folder, **changes)
    with pytest.raises(bundles.BundleError, match="is damaged"):
        bundles.load_bundle(folder)


def test_versions_are_whole_numbers(folder):
    _edit(folder, format_version=4.0)
    with pytest.raises(bundles.BundleError, match=r"Received: 4\.0"):
        bundles.load_bundle(folder)


def test_folders_nested_without_end_are_refused(folder):
    (folder / "/".join("d" * 40)).mkdir(parents=True)
    with pytest.raises(bundles.BundleError, match="at most 20 folders may be nested"):
        bundles.load_bundle(folder)


def test_missing_parts_and_other_folders_are_refused(tmp_path, parts, manifest):
    other = tmp_path / "documents"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="It holds other files"):
        bundles.write_bundle(other, parts, manifest)
    assert (other / "thesis.txt").exists()
    parts.backbone.unlink()
    with pytest.raises(bundles.BundleError, match=r"backbone\.keras: missing"):
        bundles.write_bundle(tmp_path / "bundle", parts, manifest)


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/../../x", "a//b", "./a", "", "a\\..\\x", "C:x", "a\0b", "a/", "~\n"],
)
def test_a_manifest_can_name_no_file_outside_of_the_bundle(folder, name):
    files = json.loads((folder / bundles.MANIFEST).read_text())["files"]
    _edit(folder, files={**files, name: "0" * 64})
    with pytest.raises(bundles.BundleError, match=r"manifest\.json: may name .* inside"):
        bundles.load_bundle(folder)


@pytest.mark.parametrize("files", [None, [], "all", {"a": 1}])
def test_a_manifest_must_list_files(folder, files):
    _edit(folder, files=files)
    with pytest.raises(bundles.BundleError, match="lists no files"):
        bundles.load_bundle(folder)


def test_a_changed_manifest_is_noticed(folder):
    path = folder / bundles.MANIFEST
    before = path.read_text()
    path.write_text(before.replace('"score_threshold": 0.7', '"score_threshold": 0.1'))
    assert path.read_text() != before
    with pytest.raises(bundles.BundleError, match=r"manifest\.json: is damaged \(its sha256"):
        bundles.load_bundle(folder)
    content = json.loads(before)
    del content["sha256"]
    path.write_text(json.dumps(content))
    with pytest.raises(bundles.BundleError, match=r"manifest\.json: is damaged \(its sha256"):
        bundles.load_bundle(folder)


def _linked_folder(folder):
    shutil.move(folder / "detector", folder.parent / "elsewhere")
    (folder / "detector").symlink_to(folder.parent / "elsewhere")


def _linked_file(folder):
    shutil.move(folder / "backbone.keras", folder.parent / "elsewhere")
    (folder / "backbone.keras").symlink_to(folder.parent / "elsewhere")


def _pipe(folder):
    os.mkfifo(folder / "detector" / "pipe")


@pytest.mark.parametrize(
    ("add", "name"),
    [(_linked_folder, "detector"), (_linked_file, "backbone.keras"), (_pipe, "detector/pipe")],
)
def test_links_and_devices_are_refused(folder, add, name):
    add(folder)
    files = json.loads((folder / bundles.MANIFEST).read_text())["files"]
    kept = {file: sha256 for file, sha256 in files.items() if not file.startswith("detector")}
    _edit(folder, files=kept)
    with pytest.raises(bundles.BundleError, match=f"no links or devices. Received: {name}$"):
        bundles.load_bundle(folder)


def test_a_bundle_far_larger_than_any_is_refused_before_it_is_read(folder):
    with (folder / "detector" / "variables" / "data").open("wb") as file:
        file.truncate(bundles.MOST_BYTES)
    with pytest.raises(bundles.BundleError, match="at most 8,589,934,592 bytes"):
        bundles.load_bundle(folder)


def test_a_manifest_far_larger_than_any_is_refused_before_it_is_read(folder):
    with (folder / bundles.MANIFEST).open("ab") as file:
        file.truncate(bundles.MOST_MANIFEST_BYTES + 1)
    with pytest.raises(bundles.BundleError, match=r"manifest\.json must hold at most 33,554,432"):
        bundles.load_bundle(folder)


def test_a_bundle_that_is_exchanged_after_its_check_is_noticed(folder, parts, manifest):
    checked = bundles.load_bundle(folder)
    checked.check_unchanged()
    os.utime(folder / "backbone.keras")  # the same content
    checked.check_unchanged()
    parts.backbone.write_bytes(b"another")
    other = bundles.write_bundle(folder.parent / "other", parts, manifest)
    folder.rename(folder.parent / "old")
    other.path.rename(folder)
    with pytest.raises(bundles.BundleError, match="exchanged while it was loaded"):
        checked.check_unchanged()


def test_scores_are_not_added_to_a_bundle_that_has_been_exchanged(folder):
    checked = bundles.load_bundle(folder)
    (folder / "backbone.keras").write_bytes(b"another")
    with pytest.raises(bundles.BundleError, match=r"backbone\.keras has been changed"):
        bundles.replace_manifest(checked, checked.manifest)
