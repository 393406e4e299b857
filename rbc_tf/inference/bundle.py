"""The bundle: one folder with every trained part of the chain and what must be known of it.

    manifest.json      format version, hashes of all files, cell types, settings, metrics
    MODEL_CARD.md      the same for people: data, metrics, thresholds, intended use, limits
    detector/          SavedModel: image to boxes
    backbone.keras     ResNet-50: patch to features
    classifier/        features to one probability per type, and to the verdict

Nothing in it is a pickle: loading a bundle runs no code of whoever made it.
"""

import dataclasses
import datetime
import json
import pathlib
import shutil

from rbc_tf.classification.calibration import OBJECTIVES, PLAIN, Calibration
from rbc_tf.core import config
from rbc_tf.core import files as artifacts
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.features.crops import CropConfig
from rbc_tf.model_card import card as model_card

FORMAT = "rbc_tf bundle"
FORMAT_VERSION = 2

MANIFEST, MODEL_CARD = "manifest.json", "MODEL_CARD.md"
DETECTOR, BACKBONE, CLASSIFIER = "detector", "backbone.keras", "classifier"

# Curves and leftovers of training, of no use afterwards.
_NOT_COPIED = ("tensorboard", ".*")


class BundleError(ValueError):
    """A bundle that is damaged, incomplete or of a format that this version cannot read."""


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        cell_types: the types, in the order of all probabilities.
        crop: how patches are cut; the features are only right for it.
        calibration: temperatures and thresholds of the types.
        threshold_objective: what the thresholds were chosen for; 'plain': they are 0.5.
        score_threshold: detections below are dropped.
        abnormal_threshold: abnormal probability above which a region is said to be abnormal.
        backbone: where the backbone's weights come from ('random' says so here).
        metrics: scores at the time of training, by part; 'held_out' has those of
            `held_out.record_scores`.
        provenance: config, seeds and input hashes of each part, and what data they come from.
        versions: of the packages that made it.
        created: UTC time, ISO 8601.
    """

    cell_types: CellTypes
    crop: CropConfig
    calibration: Calibration
    threshold_objective: str = PLAIN
    score_threshold: float = 0.5
    abnormal_threshold: float = 0.5
    backbone: str = ""
    metrics: dict = dataclasses.field(default_factory=dict)
    provenance: dict = dataclasses.field(default_factory=dict)
    versions: dict = dataclasses.field(default_factory=artifacts.versions)
    created: str = ""

    def __post_init__(self):
        if len(self.thresholds) != len(self.cell_types):
            raise ValueError(
                f"`calibration` must be that of the types, {len(self.cell_types)}. "
                f"Received: that of {len(self.thresholds)}"
            )
        if self.threshold_objective not in OBJECTIVES:
            raise ValueError(
                f"`threshold_objective` must be one of {', '.join(OBJECTIVES)}. "
                f"Received: {self.threshold_objective!r}"
            )
        shares = (self.score_threshold, self.abnormal_threshold)
        if not all(isinstance(value, int | float) and 0 <= value <= 1 for value in shares):
            raise ValueError(f"Every threshold must lie in [0, 1]. Received: {shares}")

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Per type, the calibrated probability above which it is said to be present."""
        return self.calibration.thresholds

    def with_plain_thresholds(self) -> "Manifest":
        """The same with the paper's threshold of 0.5 for every type."""
        calibration = self.calibration.with_plain_thresholds()
        return dataclasses.replace(self, calibration=calibration, threshold_objective=PLAIN)


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A checked bundle folder; `sha256` is the hash of its manifest, and so of everything.

    `source` is the URL that it was copied from, where `path` is a copy.
    """

    path: pathlib.Path
    manifest: Manifest
    sha256: str
    source: str | None = None

    def with_plain_thresholds(self) -> "Bundle":
        """The same with the paper's threshold of 0.5 for every type, in memory only."""
        return dataclasses.replace(self, manifest=self.manifest.with_plain_thresholds())


@dataclasses.dataclass(frozen=True)
class Parts:
    """Where the parts of a new bundle lie: two folders and a file."""

    detector: pathlib.Path
    backbone: pathlib.Path
    classifier: pathlib.Path


def write_bundle(output_dir: str | pathlib.Path, parts: Parts, manifest: Manifest) -> Bundle:
    """Copies the parts into one folder, with their hashes; an existing bundle is replaced.

    Raises:
        BundleError: a part is missing.
        ValueError: `output_dir` holds something else than a bundle.
    """
    places = {
        DETECTOR: pathlib.Path(parts.detector),
        BACKBONE: pathlib.Path(parts.backbone),
        CLASSIFIER: pathlib.Path(parts.classifier),
    }
    for name, source in places.items():
        if not source.exists():
            raise BundleError(f"{source}: missing; it is to be the bundle's {name}")
    with artifacts.atomic_folder(output_dir, marker=MANIFEST) as folder:
        for name, source in places.items():
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(*_NOT_COPIED))
            else:
                shutil.copyfile(source, folder / name)
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        _finish(folder, dataclasses.replace(manifest, created=created))
    return load_bundle(output_dir)


def replace_manifest(bundle: Bundle, manifest: Manifest) -> Bundle:
    """Gives a bundle another manifest and the card that follows from it; its parts stay.

    The folder is replaced as a whole: a reader sees the old bundle or the new one.
    """
    with artifacts.atomic_folder(bundle.path, marker=MANIFEST) as folder:
        shutil.copytree(bundle.path, folder, dirs_exist_ok=True)
        _finish(folder, manifest)
    return load_bundle(bundle.path)


def _finish(folder: pathlib.Path, manifest: Manifest) -> None:
    """Writes the card, and the manifest with the hashes of all that is there."""
    content = _to_json(manifest)
    (folder / MODEL_CARD).write_text(model_card.render(content), encoding="utf-8")
    artifacts.write_json(folder / MANIFEST, {**content, "files": _hash_files(folder)})


def load_bundle(path: str | pathlib.Path, source: str | None = None) -> Bundle:
    """Reads the manifest of a bundle and checks every file against its hash.

    Args:
        path: of the folder.
        source: the URL that it was copied from, if it was.

    Raises:
        BundleError: no bundle, another format, or a file that is missing, added or changed.
    """
    path = pathlib.Path(path)
    manifest_path = path / MANIFEST
    if not manifest_path.is_file():
        raise BundleError(f"{path}: is no bundle (it has no {MANIFEST})")
    try:
        content = json.loads(manifest_path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BundleError(f"{manifest_path}: is no JSON ({error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BundleError(f"{manifest_path}: the format '{FORMAT}' is required")
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{manifest_path}: this version of rbc_tf reads bundles of format version "
            f"{FORMAT_VERSION}. Received: {version!r}; "
            + (
                "export it again with tools/export_bundle.py"
                if version in range(1, FORMAT_VERSION)
                else "a newer one needs a newer rbc_tf"
            )
        )
    _check_files(path, content.get("files"))
    try:
        manifest = _from_json(content)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{manifest_path}: is damaged ({error})") from error
    return Bundle(path, manifest, artifacts.sha256_of_file(manifest_path), source)


def _to_json(manifest: Manifest) -> dict:
    """The content of manifest.json but for the hashes of files."""
    names = manifest.cell_types.names
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created": manifest.created,
        "cell_types": manifest.cell_types.to_list(),
        "crop": config.to_dict(manifest.crop),
        "calibration": {
            "temperatures": dict(zip(names, manifest.calibration.temperatures, strict=True)),
            "thresholds": dict(zip(names, manifest.thresholds, strict=True)),
            "threshold_objective": manifest.threshold_objective,
        },
        "score_threshold": manifest.score_threshold,
        "abnormal_threshold": manifest.abnormal_threshold,
        "backbone": manifest.backbone,
        "metrics": manifest.metrics,
        "provenance": manifest.provenance,
        "versions": manifest.versions,
    }


def _from_json(content: dict) -> Manifest:
    cell_types = CellTypes.from_list(content["cell_types"])
    calibration = content["calibration"]
    temperatures, thresholds = calibration["temperatures"], calibration["thresholds"]
    return Manifest(
        cell_types=cell_types,
        crop=config.from_dict(CropConfig, content["crop"]),
        calibration=Calibration(
            tuple(temperatures[name] for name in cell_types.names),
            tuple(thresholds[name] for name in cell_types.names),
        ),
        threshold_objective=calibration["threshold_objective"],
        score_threshold=content["score_threshold"],
        abnormal_threshold=content["abnormal_threshold"],
        backbone=content["backbone"],
        metrics=content["metrics"],
        provenance=content["provenance"],
        versions=content["versions"],
        created=content["created"],
    )


def _hash_files(folder: pathlib.Path) -> dict[str, str]:
    """{path in the folder: sha256} of all files but the manifest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): artifacts.sha256_of_file(path)
        for path in files
        if path.name != MANIFEST or path.parent != folder
    }


def _check_files(folder: pathlib.Path, expected) -> None:
    if not isinstance(expected, dict):
        raise BundleError(f"{folder / MANIFEST}: lists no files")
    found = _hash_files(folder)
    problems = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    problems += [f"{name} does not belong to it" for name in sorted(found.keys() - expected.keys())]
    problems += [
        f"{name} has been changed (its sha256 is not the manifest's)"
        for name in sorted(expected.keys() & found.keys())
        if expected[name] != found[name]
    ]
    if problems:
        raise BundleError(f"{folder}: the bundle is damaged: {'; '.join(problems)}")
