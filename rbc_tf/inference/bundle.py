"""The bundle: one folder with every trained part of the chain and what must be known of it.

    manifest.json      format version, hashes of all files, cell types, settings, metrics
    MODEL_CARD.md      the same for people: data, metrics, thresholds, intended use, limits
    detector/          SavedModel: image to boxes
    backbone.keras     patch to features
    classifier/        features to one probability per type, and of abnormality

Nothing in it is a pickle: loading a bundle runs no code of its maker.
"""

import dataclasses
import datetime
import json
import pathlib
import shutil

from rbc_tf.core import files as artifacts
from rbc_tf.manifest import manifest as manifests
from rbc_tf.manifest.manifest import FORMAT, FORMAT_VERSION, READ_VERSIONS, Manifest
from rbc_tf.model_card import card as model_card

MANIFEST, MODEL_CARD = "manifest.json", "MODEL_CARD.md"
DETECTOR, BACKBONE, CLASSIFIER = "detector", "backbone.keras", "classifier"

# Curves and leftovers of training, of no use afterwards.
_NOT_COPIED = ("tensorboard", ".*")


class BundleError(ValueError):
    """A bundle that is damaged, incomplete or of a format that this version cannot read."""


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
        ValueError: `output_dir` holds something other than a bundle.
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
    (folder / MODEL_CARD).write_text(model_card.render(manifest), encoding="utf-8")
    content = {**manifests.to_json(manifest), "files": _hash_files(folder)}
    artifacts.write_json(folder / MANIFEST, content)


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
    if version not in READ_VERSIONS:
        raise BundleError(
            f"{manifest_path}: this version of rbc_tf reads bundles of format versions "
            f"{' and '.join(map(str, READ_VERSIONS))}. Received: {version!r}; "
            + (
                "export it again with rbc_tf export-bundle"
                if version in range(1, FORMAT_VERSION)
                else "a newer one needs a newer rbc_tf"
            )
        )
    _check_files(path, content.get("files"))
    try:
        manifest = manifests.from_json(content)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{manifest_path}: is damaged ({error})") from error
    return Bundle(path, manifest, artifacts.sha256_of_file(manifest_path), source)


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
