"""The bundle: one folder with every trained part of the chain and what must be known of it.

    manifest.json      format version, hashes of all files, cell types, settings, metrics
    MODEL_CARD.md      the same for people: data, metrics, thresholds, intended use, limits
    detector/          SavedModel: image to boxes
    backbone.keras     patch to features
    classifier/        features to one probability per type, and of abnormality

It may be a stranger's: nothing in it is a pickle, its networks may only compute (see
`graphs.operations`), and it names no file outside of itself, so that loading and using it runs no
code of its maker. docs/reliability.md says what it can do all the same.
"""

import contextlib
import dataclasses
import datetime
import os
import pathlib
import shutil
import stat
from collections.abc import Iterator, Mapping

from rbc_tf.core import files as artifacts
from rbc_tf.core import structured
from rbc_tf.manifest import manifest as manifests
from rbc_tf.manifest.manifest import FORMAT, FORMAT_VERSION, READ_VERSIONS, Manifest
from rbc_tf.model_card import card as model_card

MANIFEST, MODEL_CARD = "manifest.json", "MODEL_CARD.md"
DETECTOR, BACKBONE, CLASSIFIER = "detector", "backbone.keras", "classifier"

# Far more than a bundle ever has: what is beyond would only cost memory and time.
MOST_MANIFEST_BYTES = 32 * 2**20
MOST_BYTES = 8 * 2**30
_MOST_FILES = 10_000
_DEEPEST = 20

# In the manifest: the hash of all that stands beside it there.
_OWN_HASH = "sha256"

# Curves and leftovers of training, of no use afterwards.
_NOT_COPIED = ("tensorboard", ".*")


class BundleError(ValueError):
    """A bundle that is damaged, incomplete or of a format that this version cannot read."""


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A checked bundle folder.

    Attributes:
        path: of the folder.
        manifest: its content.
        sha256: hash of the file of the manifest, and so of everything.
        source: the URL or the packed file that it was copied from, where `path` is a copy.
        files: {path in the folder: sha256} of all files but the manifest.
        states: {path in the folder: what changes when its content does}, as they were checked.
    """

    path: pathlib.Path
    manifest: Manifest
    sha256: str
    source: str | None = None
    files: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    states: Mapping[str, tuple] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    def check_unchanged(self) -> None:
        """For whoever has just read parts of it: they are those that were checked.

        Raises:
            BundleError: files have been changed, or exchanged for others, since the check.
        """
        # Some file systems give a file another number each time: then its content decides.
        if _states(self.path) != self.states and load_bundle(self.path).sha256 != self.sha256:
            raise BundleError(f"{self.path}: the bundle has been exchanged while it was loaded")

    def check_own(self) -> None:
        """Raises BundleError where this is a copy, in which nothing can be kept."""
        if self.source is not None:
            raise BundleError(
                f"{self.source}: nothing can be written into it; a bundle in a folder is required"
            )

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
        finish(folder, dataclasses.replace(manifest, created=created))
    return load_bundle(output_dir)


def replace_manifest(bundle: Bundle, manifest: Manifest) -> Bundle:
    """Gives a bundle another manifest and the card that follows from it; its parts stay.

    The folder is replaced as a whole: a reader sees the old bundle or the new one.

    Raises BundleError where it is a copy.
    """
    bundle.check_own()
    with rewriting(bundle, bundle.path) as folder:
        finish(folder, manifest)
    return load_bundle(bundle.path)


@contextlib.contextmanager
def rewriting(bundle: Bundle, output_dir: str | pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a copy of a bundle that becomes `output_dir` at the end; `finish` is to be called."""
    with artifacts.atomic_folder(output_dir, marker=MANIFEST) as folder:
        shutil.copytree(bundle.path, folder, dirs_exist_ok=True)
        _check_files(folder, bundle.files)
        yield folder


def finish(folder: pathlib.Path, manifest: Manifest) -> None:
    """Writes the card, and the manifest with the hashes of all that is there."""
    (folder / MODEL_CARD).write_text(model_card.render(manifest), encoding="utf-8")
    content = {**manifests.to_json(manifest), "files": _hash_files(folder)}
    own_hash = {_OWN_HASH: artifacts.sha256_of_json(content)}
    artifacts.write_json(folder / MANIFEST, {**content, **own_hash})


def load_bundle(path: str | pathlib.Path, source: str | None = None) -> Bundle:
    """Reads the manifest of a bundle and checks every file against its hash.

    Args:
        path: of the folder.
        source: the URL or the packed file that it was copied from, if it was.

    Raises:
        BundleError: no bundle, another format, or a file that is missing, added or changed.
    """
    path = pathlib.Path(path)
    manifest_path = path / MANIFEST
    if not manifest_path.is_file():
        raise BundleError(f"{path}: is no bundle (it has no {MANIFEST})")
    states = _states(path)
    try:
        read = structured.read_bytes(manifest_path, MOST_MANIFEST_BYTES)
    except ValueError as error:
        raise BundleError(str(error)) from error
    content = parse_manifest(read, manifest_path)
    files = content["files"]
    _check_files(path, files)
    try:
        manifest = manifests.from_json(content)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{manifest_path}: is damaged ({error})") from error
    return Bundle(path, manifest, artifacts.sha256_of_bytes(read), source, files, states)


def parse_manifest(content: bytes, path: str | os.PathLike) -> dict:
    """What stands in a manifest, of which `files` names files inside of the bundle alone.

    Args:
        content: of the file.
        path: of the file, for errors.

    Raises:
        BundleError: no manifest, another format, damaged, or it names other files.
    """
    try:
        found = structured.parse_json(content, path)
    except ValueError as error:
        raise BundleError(f"{path}: is no JSON ({error})") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BundleError(f"{path}: the format '{FORMAT}' is required")
    _check_version(found.get("format_version"), path)
    _check_own_hash(found, path)
    files = found.get("files")
    if not isinstance(files, dict) or not all(map(isinstance, files.values(), [str] * len(files))):
        raise BundleError(f"{path}: lists no files")
    outside = [name for name in files if not is_inside(name)]
    if outside or len(files) > _MOST_FILES:
        raise BundleError(
            f"{path}: may name at most {_MOST_FILES:,} files, all of them inside of the bundle. "
            f"Received: {len(files):,}, such as {structured.shown(next(iter(outside or files)))}"
        )
    return found


def _check_version(version, path: str | os.PathLike) -> None:
    if type(version) is not int or version not in READ_VERSIONS:
        older = isinstance(version, int) and 0 < version < FORMAT_VERSION
        raise BundleError(
            f"{path}: this version of rbc_tf reads bundles of format versions "
            f"{', '.join(map(str, READ_VERSIONS))}. Received: {structured.shown(version)}; "
            + (
                "export it again with rbc_tf export-bundle"
                if older
                else "a newer one needs a newer rbc_tf"
            )
        )


def _check_own_hash(content: dict, path: str | os.PathLike) -> None:
    if _OWN_HASH not in content and content["format_version"] < FORMAT_VERSION:
        return
    rest = {key: value for key, value in content.items() if key != _OWN_HASH}
    if content.get(_OWN_HASH) != artifacts.sha256_of_json(rest):
        raise BundleError(f"{path}: is damaged (its {_OWN_HASH} is not that of what stands in it)")


def is_inside(name: str) -> bool:
    """Whether a name is that of a file below a folder, on every system."""
    parts = name.split("/")
    return name.isprintable() and not set(parts) & {"", ".", ".."} and not set(name) & set("\\:")


def _states(folder: pathlib.Path) -> dict[str, tuple]:
    """{path in the folder: what changes when its content does} of all that is in it.

    Raises BundleError where something is neither file nor folder (to what a link leads, nothing
    is known), or more than a bundle ever has.
    """
    states, size = {}, 0
    for entry in _entries(folder):
        status = entry.stat(follow_symlinks=False)
        name = pathlib.Path(entry.path).relative_to(folder).as_posix()
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(
                f"{folder}: a bundle may hold files and folders alone, no links or devices. "
                f"Received: {name}"
            )
        size += status.st_size
        states[name] = (
            *(status.st_dev, status.st_ino, status.st_size),
            *(status.st_mtime_ns, status.st_ctime_ns),
        )
        if size > MOST_BYTES or len(states) > _MOST_FILES:
            raise BundleError(
                f"{folder}: a bundle may have at most {MOST_BYTES:,} bytes in {_MOST_FILES:,} files"
            )
    return states


def _entries(folder: str | os.PathLike, depth: int = 0) -> Iterator[os.DirEntry]:
    if depth > _DEEPEST:
        raise BundleError(f"{folder}: in a bundle at most {_DEEPEST} folders may be nested")
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path, depth + 1)
            else:
                yield entry


def _hash_files(folder: pathlib.Path) -> dict[str, str]:
    """{path in the folder: sha256} of all files but the manifest."""
    names = (name for name in _states(folder) if name != MANIFEST)
    return {name: artifacts.sha256_of_file(folder / name) for name in names}


def _check_files(folder: pathlib.Path, expected: Mapping[str, str]) -> None:
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
