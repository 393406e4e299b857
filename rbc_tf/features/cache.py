"""The feature cache: a folder that holds features with all that they were made from.

    fingerprint.json   the settings, and per image the hashes of its file and of its boxes
    shards/NAME.tfrecord   the features of one image, one record per patch
    table.npz          labels, groups, splits and boxes of all patches, in the order of the dataset
    cell_types.yaml    the order of the labels
    backbone.keras     the network that made the features, to be used with what learns from them

Features cost hours and depend on pixels, boxes and settings alone: a shard is written whole or not
at all, and kept until one of those changes. Labels, groups and splits cost nothing: they stand in
the table, which every run writes anew, so that correcting a label recomputes no feature. The table
is written last: a folder without one is unfinished and cannot be loaded. It holds the hashes of the
other files, so that it is only read beside those that it was written with. Each record of a shard
holds the hash of what it was made from, so that a shard of another folder is noticed.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from google.protobuf import message

from rbc_tf.core import archives, files, structured
from rbc_tf.core import fingerprint as fingerprints
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.types import FeatureTable
from rbc_tf.features import backbone_spec
from rbc_tf.features.backbone import Backbone

# Raise when files are laid out otherwise.
FORMAT_VERSION = 1

# Keys of a record.
IMAGE, BOX, FEATURES = "image", "box", "features"
# Hash of the settings and of the image's entry; shards of version 0.1.0 have none.
MADE_FROM = "made_from"

BACKBONE_FILE = "backbone.keras"

_FINGERPRINT, _TABLE, _CELL_TYPES = "fingerprint.json", "table.npz", "cell_types.yaml"
_BOUND = (_FINGERPRINT, _CELL_TYPES, BACKBONE_FILE)
_SHARDS, _SHARD_SUFFIX = "shards", ".tfrecord"
# In the table: JSON of {name of another file: sha256}; version 0.1.0 had none.
_BESIDE = "beside"
_TABLE_FIELDS = [f.name for f in dataclasses.fields(FeatureTable) if f.name != "features"]
_READ_BATCH = 256

# Hashes of a million images.
_MOST_FINGERPRINT_BYTES = 2**29


class CacheError(ValueError):
    """The folder holds no finished features, or they are damaged."""


@dataclasses.dataclass(frozen=True)
class ImageEntry:
    """What the features of one image were made from."""

    sha256: str
    boxes_sha256: str


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """What the features of a folder were made from.

    Attributes:
        settings: plain JSON values; all of them must agree for features to be reused.
        images: entry of each image by its name.
        weights: what the backbone's weights are called; not compared, as their hash is.
        versions: of the software; not compared.
        dataset: what the folder of the images is called; not compared.
        sources: by composed image, sha256 of the images that its cells are of; not compared.
    """

    settings: dict
    images: dict[str, ImageEntry]
    weights: str = ""
    versions: dict[str, str] = dataclasses.field(default_factory=files.versions)
    dataset: str = ""
    sources: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def seen_in(self, images: Iterable[str]) -> frozenset[str]:
        """sha256 of images, and of those that they were composed of: who learns from them has
        seen both."""
        names = set(images)
        found = {self.images[name].sha256 for name in names}
        return frozenset(found.union(*(self.sources.get(name, ()) for name in names)))

    @property
    def sha256(self) -> str:
        """Hash over settings and images."""
        images = {name: dataclasses.asdict(entry) for name, entry in self.images.items()}
        return fingerprints.Fingerprint({"settings": self.settings, "images": images}).sha256

    def made_from(self, image: str) -> str:
        """Hash over the settings and the entry of an image; '' of an image that it does not name.

        Of no other image, so that a shard stays valid when images come or go.
        """
        if image not in self.images:
            return ""
        values = {"settings": self.settings, "image": dataclasses.asdict(self.images[image])}
        return fingerprints.Fingerprint(values).sha256

    @property
    def backbone(self) -> str:
        """Name of the network, as in `backbone_spec`."""
        return self.settings.get("backbone", backbone_spec.UNNAMED)

    def save(self, path: pathlib.Path) -> None:
        files.write_json(path, dataclasses.asdict(self))

    @classmethod
    def load(cls, path: pathlib.Path) -> "Fingerprint":
        try:
            values = structured.load_mapping(path, _MOST_FINGERPRINT_BYTES)
            images = {name: ImageEntry(**entry) for name, entry in values["images"].items()}
            others = values["weights"], values["versions"], values.get("dataset", "")
            sources = {name: tuple(of) for name, of in values.get("sources", {}).items()}
            return cls(values["settings"], images, *others, sources)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CacheError(
                f"{path} must be the fingerprint of a feature cache: {error}"
            ) from error


class FeatureCache:
    """Reads and writes one folder."""

    def __init__(self, folder: str | pathlib.Path):
        self.folder = pathlib.Path(folder)
        self._prepared: Fingerprint | None = None

    def shard_path(self, image: str) -> pathlib.Path:
        return self.folder / _SHARDS / f"{image}{_SHARD_SUFFIX}"

    def prepare(self, fingerprint: Fingerprint, overwrite: bool) -> None:
        """Makes the folder ready for what `fingerprint` asks for.

        Shards made from the same are kept, whether the run that made them finished or not; with
        `overwrite`, those made from anything else are deleted. Images without a shard are new
        work, never an error.

        Raises:
            StaleError: shards were made from something else, and `overwrite` is False.
            CacheError: the fingerprint that is there is damaged, or a shard is no file.
        """
        path = self.folder / _FINGERPRINT
        old = Fingerprint.load(path) if path.exists() else Fingerprint(fingerprint.settings, {})
        stale = self._stale_shards(old, fingerprint)
        if stale and not overwrite:
            raise self._error(old, fingerprint, stale)
        if old.settings != fingerprint.settings:
            (self.folder / BACKBONE_FILE).unlink(missing_ok=True)
        for image in stale:
            self.shard_path(image).unlink()
        if any(not self.shard_path(image).exists() for image in fingerprint.images):
            (self.folder / _TABLE).unlink(missing_ok=True)
        fingerprint.save(path)
        self._prepared = fingerprint

    def keep_backbone(self, backbone: Backbone) -> None:
        """Saves the backbone beside its features, unless it is there already."""
        path = self.folder / BACKBONE_FILE
        if not path.exists():
            backbone.save(path)

    def write_shard(self, image: str, boxes: np.ndarray, features: np.ndarray) -> None:
        """Writes the features float32 [N, D] of the boxes float32 [N, 4] of one image.

        Raises ValueError where the folder has not been prepared for the image.
        """
        made_from = self._prepared.made_from(image) if self._prepared else ""
        if not made_from:
            raise ValueError(
                f"{self.folder} must be prepared for what is written. Received: {image}"
            )
        with (
            files.atomic_path(self.shard_path(image)) as temporary,
            tf.io.TFRecordWriter(str(temporary)) as writer,
        ):
            for box, values in zip(boxes, features, strict=True):
                writer.write(_record(image, box, values, made_from))

    def write_table(self, table: FeatureTable, cell_types: CellTypes) -> None:
        """Writes all but the features of a table, whose `features` are not looked at."""
        # Killed in between, the folder counts as unfinished, and not as one of both.
        (self.folder / _TABLE).unlink(missing_ok=True)
        cell_types.save(self.folder / _CELL_TYPES)
        there = [name for name in _BOUND if (self.folder / name).is_file()]
        beside = {name: files.sha256_of_file(self.folder / name) for name in there}
        arrays = {name: getattr(table, name) for name in _TABLE_FIELDS}
        with files.atomic_path(self.folder / _TABLE) as temporary:
            np.savez(temporary, **arrays, **{_BESIDE: json.dumps(beside)})

    def load(self) -> FeatureTable:
        """See `load_features`."""
        rows = self.load_rows()
        features = self._read_shards(rows.images, rows.boxes, load_fingerprint(self.folder))
        return dataclasses.replace(rows, features=features)

    def load_rows(self) -> FeatureTable:
        """All but the features, float32 [N, 0], which take much longer to read.

        Raises CacheError as `load_features`.
        """
        arrays = self._load_table()
        self._check_beside(arrays, _BOUND)
        fields = {name: arrays[name] for name in _TABLE_FIELDS}
        return FeatureTable(features=np.zeros((len(fields["images"]), 0), np.float32), **fields)

    def load_cell_types(self) -> CellTypes:
        """See `load_cell_types`."""
        self._check_beside(self._load_table(), (_CELL_TYPES,))
        return CellTypes.load(self.folder / _CELL_TYPES)

    def _load_table(self) -> dict[str, np.ndarray]:
        path = self.folder / _TABLE
        if not path.exists():
            raise CacheError(
                f"{self.folder} must hold finished features, and has no {_TABLE}. Run "
                "rbc_tf extract-features; it continues where it stopped."
            )
        try:
            arrays = archives.load_npz(path)
            missing = set(_TABLE_FIELDS) - set(arrays)
            if missing:
                raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        except ValueError as error:
            raise CacheError(f"{path} cannot be read: {error}") from error
        return arrays

    def _check_beside(self, arrays: Mapping[str, np.ndarray], looked_at: Sequence[str]) -> None:
        """Refuses a table beside another of these files than the one it was written with."""
        if _BESIDE not in arrays:
            return
        recorded = structured.parse_json(str(arrays[_BESIDE]), self.folder / _TABLE)
        if not isinstance(recorded, dict) or not set(recorded) <= set(_BOUND):
            raise CacheError(f"{self.folder / _TABLE} must name files of the folder")
        for name, sha256 in recorded.items():
            path = self.folder / name
            if name not in looked_at:
                continue
            if not path.is_file() or files.sha256_of_file(path) != sha256:
                raise CacheError(
                    f"{path} is not the file that {_TABLE} was written with: a run has ended in "
                    "between, or it has been changed. Run rbc_tf extract-features again; features "
                    "that are there stay."
                )

    def _shards(self) -> list[str]:
        paths = sorted((self.folder / _SHARDS).glob(f"*{_SHARD_SUFFIX}"))
        return [p.name.removesuffix(_SHARD_SUFFIX) for p in paths if not p.name.startswith(".")]

    def _stale_shards(self, old: Fingerprint, new: Fingerprint) -> list[str]:
        if old.settings != new.settings:
            return self._shards()
        return [
            image
            for image in self._shards()
            if old.images.get(image) != new.images.get(image) or not self._fits(image, new)
        ]

    def _fits(self, image: str, fingerprint: Fingerprint) -> bool:
        """Whether a shard says that it was made from what is asked for, or says nothing."""
        try:
            made_from = _first_made_from(self.shard_path(image))
        except ValueError as error:
            raise CacheError(f"{error}. Delete it and run again") from error
        return made_from in ("", fingerprint.made_from(image))

    def _error(
        self, old: Fingerprint, new: Fingerprint, stale: Sequence[str]
    ) -> fingerprints.StaleError:
        lines = fingerprints.Fingerprint(new.settings).differences(
            fingerprints.Fingerprint(old.settings)
        ) or [_changed_image(i, old.images.get(i), new.images.get(i)) for i in stale]
        remedy = "Give --overwrite to replace what changed, or name another folder."
        return fingerprints.stale(f"the features in {self.folder}", lines, remedy)

    def _read_shards(self, images, boxes, fingerprint: Fingerprint) -> np.ndarray:
        try:
            feature_dim = fingerprint.settings["feature_dim"]
        except KeyError as error:
            raise CacheError(f"{self.folder} does not record how long features are") from error
        names = list(dict.fromkeys(images.tolist()))
        expected = {name: fingerprint.made_from(name) for name in names}
        features = np.empty((len(images), feature_dim), np.float32)
        row = 0
        try:
            for found, made_from, batch_boxes, batch in _batches(
                map(self.shard_path, names), feature_dim
            ):
                rows = slice(row, row + len(found))
                if not np.array_equal(found, images[rows]) or not np.array_equal(
                    batch_boxes, boxes[rows]
                ):
                    raise CacheError(f"the shards hold other patches than {_TABLE} lists")
                for name, origin in dict.fromkeys(zip(found, made_from, strict=True)):
                    if origin and origin != expected[name]:
                        raise CacheError(
                            f"{self.shard_path(name)} was made with other weights or settings, or "
                            f"from another image, than {_FINGERPRINT} says"
                        )
                features[rows] = batch
                row = rows.stop
            if row != len(images):
                raise CacheError(f"{row} of {len(images)} patches are there")
        except (tf.errors.OpError, OSError, ValueError) as error:
            raise CacheError(
                f"The features in {self.folder} are damaged: {error}. Delete the folder and "
                "extract them again."
            ) from error
        return features


def load_features(features_dir: str | pathlib.Path) -> FeatureTable:
    """The features of a finished cache, rows in the order of the dataset and of its regions.

    Raises CacheError where the folder is unfinished or damaged.
    """
    return FeatureCache(features_dir).load()


def load_cell_types(features_dir: str | pathlib.Path) -> CellTypes:
    """The cell types whose labels the features of that folder carry, in their order.

    Raises CacheError where the folder is unfinished, or its labels are those of other types.
    """
    return FeatureCache(features_dir).load_cell_types()


def load_fingerprint(features_dir: str | pathlib.Path) -> Fingerprint:
    """What the features of that folder were made from; CacheError where it is not recorded."""
    path = pathlib.Path(features_dir) / _FINGERPRINT
    if not path.exists():
        raise CacheError(f"{features_dir} must be a feature cache, and has no {_FINGERPRINT}.")
    return Fingerprint.load(path)


def _record(image: str, box: np.ndarray, values: np.ndarray, made_from: str) -> bytes:
    feature = {
        IMAGE: tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.encode()])),
        MADE_FROM: tf.train.Feature(bytes_list=tf.train.BytesList(value=[made_from.encode()])),
        BOX: tf.train.Feature(float_list=tf.train.FloatList(value=box)),
        FEATURES: tf.train.Feature(float_list=tf.train.FloatList(value=values)),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def _first_made_from(path: pathlib.Path) -> str:
    """What the first record of a shard says that it was made from; '' where it says nothing.

    One record tells where a shard is from, at a small part of the time that all take; of damage,
    loading will tell. Raises ValueError where the shard is no file.
    """
    with structured.open_file(path) as file:
        # Of a TFRecord: the length of its data, and the checksum of the length.
        length = int.from_bytes(file.read(12)[:8], "little")
        data = file.read(min(length, os.fstat(file.fileno()).st_size))
    try:
        values = tf.train.Example.FromString(data).features.feature[MADE_FROM].bytes_list.value
        return values[0].decode() if values else ""
    except (message.DecodeError, UnicodeDecodeError):
        return ""


def _batches(paths: Iterable[pathlib.Path], feature_dim: int) -> Iterator[tuple]:
    """What records hold, in the order of the files.

    Names str [B], hashes of what they were made from str [B] ('' where that is not recorded),
    boxes float32 [B, 4], features float32 [B, D].
    """
    paths = [str(path) for path in paths]
    for path in paths:
        structured.open_file(path).close()  # TensorFlow would wait for ever at a pipe
    if not paths:
        return
    keys = {
        IMAGE: tf.io.FixedLenFeature([], tf.string),
        BOX: tf.io.FixedLenFeature([4], tf.float32),
        FEATURES: tf.io.FixedLenFeature([feature_dim], tf.float32),
        MADE_FROM: tf.io.FixedLenFeature([], tf.string, default_value=""),
    }
    records = tf.data.TFRecordDataset(paths).batch(_READ_BATCH)
    parsed = records.map(lambda r: tf.io.parse_example(r, keys), num_parallel_calls=2).prefetch(2)
    for batch in parsed.as_numpy_iterator():
        names, made_from = (
            np.array([text.decode() for text in batch[key]]) for key in (IMAGE, MADE_FROM)
        )
        yield names, made_from, batch[BOX], batch[FEATURES]


def _changed_image(name: str, old: ImageEntry | None, new: ImageEntry | None) -> str:
    if new is None:
        return f"image {name} is no longer in the dataset, or cannot be used"
    if old is None:
        return f"image {name} has features of unknown origin"
    if old == new:
        return f"image {name}: its features are of other weights, settings or pixels"
    parts = ["its file"] if old.sha256 != new.sha256 else []
    parts += ["its labelled regions"] if old.boxes_sha256 != new.boxes_sha256 else []
    return f"image {name}: {' and '.join(parts)} changed"
