"""Small inputs that many tests need: images, dataset folders, tables, bundles; and readers.

What is not given to a builder takes a value that says nothing: one cell, a group of its own, a
threshold of 0.5. A test gives what it is about.
"""

import csv
import json
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import cv2
import keras
import numpy as np
import tensorflow as tf

from rbc_tf.classification.calibration import Calibration
from rbc_tf.core import config as config_lib
from rbc_tf.core import files, image_io
from rbc_tf.core.cell_types import PAPER, CellType, CellTypes
from rbc_tf.core.types import AnalyzedRegions, Detections, FeatureTable
from rbc_tf.data import dataset
from rbc_tf.evaluation.cross_validation.predictions import Predictions
from rbc_tf.features import cache
from rbc_tf.features.backbone import Backbone
from rbc_tf.features.crops import CropConfig
from rbc_tf.features.patch_archive import PatchArchive
from rbc_tf.inference import bundle as bundles
from rbc_tf.manifest.manifest import Manifest

# A normal type and an abnormal one.
DISC_AND_BURR = CellTypes((CellType("disc", "Disc", False), CellType("burr", "Burr", True)))

# -- reading what was written


def read_json(path: pathlib.Path):
    """Refuses NaN and Infinity, which JSON does not have."""

    def refuse(constant):
        raise ValueError(f"{path}: {constant}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def read_csv(path: pathlib.Path) -> list[dict[str, str]]:
    """The rows by the names of the header."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def summaries(folder: pathlib.Path) -> Iterator[tuple[int, tf.compat.v1.Summary.Value]]:
    """(step, value) of everything in TensorBoard's event files of a folder."""
    for path in sorted(pathlib.Path(folder).glob("events*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            yield from ((event.step, value) for value in event.summary.value)


def summaries_by_tag(folder: pathlib.Path) -> dict[tuple[str, str], tf.compat.v1.Summary.Value]:
    """By (plugin, tag); of a tag written at several steps, the last."""
    found = summaries(folder)
    return {(value.metadata.plugin_data.plugin_name, value.tag): value for _, value in found}


def summaries_of(folder: pathlib.Path, write: Callable, *arguments):
    """`summaries_by_tag` of what a function writes with the default writer."""
    with tf.summary.create_file_writer(str(folder)).as_default():
        write(*arguments)
    return summaries_by_tag(folder)


def text_of(value: tf.compat.v1.Summary.Value) -> str:
    """Of a value that `tf.summary.text` wrote."""
    return tf.make_ndarray(value.tensor).item().decode()


def image_of(value: tf.compat.v1.Summary.Value) -> np.ndarray:
    """uint8 [H, W, 3], of a value that `tf.summary.image` wrote; its first picture."""
    return tf.io.decode_png(tf.make_ndarray(value.tensor)[2]).numpy()


# -- images and dataset folders


def noise_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    """uint8 [height, width, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def grey_image(height: int, width: int, value: int = 200) -> np.ndarray:
    """uint8 [height, width, 3]."""
    return np.full((height, width, 3), value, np.uint8)


def compressed(image: np.ndarray, quality: int) -> np.ndarray:
    """An image as it comes back from JPEG of that quality."""
    _, content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]


def discs(height: int, width: int, *circles: tuple[float, float, float]) -> np.ndarray:
    """bool [height, width], True within any of the circles (y, x, radius), edges included."""
    ys, xs = np.mgrid[:height, :width]
    mask = np.zeros((height, width), bool)
    for y, x, radius in circles:
        mask |= (ys - y) ** 2 + (xs - x) ** 2 <= radius**2
    return mask


def write_dataset(
    root: pathlib.Path,
    images: Mapping[str, np.ndarray],
    *,
    masks: Mapping[str, np.ndarray] | None = None,
    splits: Iterable[Sequence] = (),
    cells: Iterable[Sequence] = (),
    regions: Iterable[Sequence] = (),
    types: CellTypes | None = None,
) -> pathlib.Path:
    """Writes a dataset folder; its path.

    Args:
        root: new folder.
        images: uint8 [h, w, 3] by name; written as PNG.
        masks: bool [h, w] by name.
        splits: rows of images.csv, (image, group, split).
        cells: rows of cells.csv, (image, x, y, type).
        regions: rows of regions.csv, (image, box, types, num_cells, complete), the box as
            (ymin, xmin, ymax, xmax).
        types: of cell_types.yaml.
    """
    for name, image in images.items():
        image_io.write_png(root / "images" / f"{name}.png", image)
    for name, mask in (masks or {}).items():
        image_io.write_mask(root / "masks" / f"{name}.png", mask)
    tables = {
        "images.csv": (dataset.IMAGES_HEADER, list(splits)),
        "cells.csv": (dataset.CELLS_HEADER, list(cells)),
        "regions.csv": (dataset.REGIONS_HEADER, [region_row(*region) for region in regions]),
    }
    for name, (header, rows) in tables.items():
        if rows:
            files.write_csv(root / name, header, rows)
    if types is not None:
        types.save(root / "cell_types.yaml")
    return root


def region_row(image: str, box: Sequence[float], types: str, num_cells: int, complete) -> tuple:
    """A row of regions.csv; `complete` as a bool or as the text of the file."""
    return (image, *box, types, num_cells, str(complete).lower())


# -- features and what is predicted of them


def pooling_backbone(kernel: np.ndarray, patch_size: int = 32) -> Backbone:
    """A backbone that takes no time: colours times `kernel` [3, D], averaged over the patch."""
    inputs = keras.Input((patch_size, patch_size, 3))
    values = keras.layers.Dense(np.shape(kernel)[1], use_bias=False)(inputs)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(values))
    model.set_weights([np.asarray(kernel)])
    return Backbone(model)


def slides(count: int, groups: int) -> np.ndarray:
    """str [count], the groups slide0, slide1, ... of rows, one after the other and equally long."""
    return np.char.add("slide", (np.arange(count) * groups // count).astype(str))


def feature_table(features, labels, **columns) -> FeatureTable:
    """Rows with features [N, D] and labels [N, T]; other columns by name.

    Without others, each row has an image and group of its own, is in 'train', and holds one cell,
    completely labelled. Rows of given groups lie in one image per group.
    """
    count = len(features)
    rows = np.arange(count).astype(str)
    groups = columns.get("groups", np.char.add("slide", rows))
    images = np.array([group.replace("slide", "image") for group in groups], str)
    zeros, ones = np.zeros(count), np.ones(count)
    defaults = {"groups": groups, "images": images, "splits": np.full(count, "train")}
    defaults |= {"boxes": np.zeros((count, 4)), "num_cells": ones, "complete": zeros == 0}
    values = {"features": features, "labels": labels} | defaults | columns
    dtypes = {"features": np.float32, "labels": np.int8, "boxes": np.float32}
    dtypes |= {"num_cells": np.int32, "complete": bool}
    return FeatureTable(**{k: np.asarray(v, dtypes.get(k)) for k, v in values.items()})


def write_features(
    folder: pathlib.Path, table: FeatureTable, types: CellTypes, **fingerprint
) -> pathlib.Path:
    """Writes a feature cache, with further fields of its fingerprint; its folder."""
    settings = {"feature_dim": table.features.shape[1]}
    entries = {name: cache.ImageEntry(f"hash of {name}", "0") for name in table.images.tolist()}
    values = {"settings": settings, "images": entries} | fingerprint
    written = cache.FeatureCache(folder)
    written.prepare(cache.Fingerprint(**values), overwrite=True)
    for name in dict.fromkeys(table.images.tolist()):
        rows = table.images == name
        written.write_shard(name, table.boxes[rows], table.features[rows])
    written.write_table(table, types)
    return folder


def predictions(
    names: Sequence[str], labels, probabilities: Mapping[str, np.ndarray], **columns
) -> Predictions:
    """Held-out predictions of rows with labels [N, T], by model probabilities [N, T].

    Without other columns each row has an image and group of its own, lies in fold 0, and holds one
    cell, completely labelled.
    """
    labels = np.asarray(labels, np.int8).reshape(-1, len(names))
    count = len(labels)
    rows = np.arange(count).astype(str)
    values = {
        "images": np.char.add("image", rows),
        "groups": np.char.add("slide", rows),
        "boxes": np.zeros((count, 4)),
        "num_cells": np.ones(count),
        "complete": np.ones(count, bool),
        "composed": np.zeros(count, bool),
        "folds": np.zeros(count),
        "abnormal": np.zeros(count),
    } | columns
    dtypes = {"boxes": np.float32, "num_cells": np.int32, "complete": bool, "folds": np.int32}
    return Predictions(
        names=tuple(names),
        labels=labels,
        probabilities={m: np.asarray(p, np.float32) for m, p in probabilities.items()},
        **{k: np.asarray(v, dtypes.get(k)) for k, v in values.items()},
    )


def patch_archive(patches, labels, types: Sequence[str], **columns) -> PatchArchive:
    """Patches uint8 [N, S, S, 3] with labels [N, T].

    Without other columns each has an image and group of its own and holds one cell, completely
    labelled; `about` replaces what is known of the whole.
    """
    count = len(patches)
    rows = np.arange(count).astype(str)
    images = columns.get("images", np.char.add("image", rows))
    about = {
        "types": list(types),
        "cell_types": [CellType(name, name, i > 0).__dict__ for i, name in enumerate(types)],
        "crop": config_lib.to_dict(CropConfig(size=np.shape(patches)[1])),
        "regions": "single_cell",
        "image_hashes": {name: f"hash of {name}" for name in np.unique(images).tolist()},
        "sources": {},
    } | columns.pop("about", {})
    values = {
        "images": images,
        "groups": images,
        "splits": np.full(count, ""),
        "boxes": np.zeros((count, 4), np.float32),
        "num_cells": np.ones(count, np.int32),
        "complete": np.ones(count, bool),
        "composed": np.zeros(count, bool),
    } | columns
    return PatchArchive(
        np.asarray(patches, np.uint8), np.asarray(labels, np.int8), **values, about=about
    )


# -- what is found in images


def detections(rows) -> Detections:
    """Of rows (ymin, xmin, ymax, xmax, score)."""
    array = np.asarray(rows, np.float32).reshape(-1, 5)
    return Detections(array[:, :4], array[:, 4])


def analyzed(boxes, scores, probabilities, abnormal, types: int = 6) -> AnalyzedRegions:
    """Regions of one image, with the dtypes of the chain; lists may be empty."""
    return AnalyzedRegions(
        np.asarray(boxes, np.float32).reshape(-1, 4),
        np.asarray(scores, np.float32),
        np.asarray(probabilities, np.float32).reshape(-1, types),
        np.asarray(abnormal, np.float64),
    )


def fake_chain(analyze: Callable[[np.ndarray], AnalyzedRegions]) -> type:
    """A class to put in the place of `Chain`: `analyze` says what is in an image.

    Its `analyzed` lists the shapes of all images that any chain was given, `tilings` and
    `views` the tiling and the view that each chain was made with; `view_config` is how it was
    told to look last.
    """

    class FakeChain:
        analyzed, tilings, views = [], [], []
        tiles = None

        def __init__(self, loaded, tiling_config=None, precision="float32", view_config=None):
            self.manifest = loaded.manifest
            FakeChain.tilings.append(tiling_config)
            FakeChain.views.append(view_config)
            FakeChain.view_config = view_config

        def viewing(self, view_config):
            FakeChain.view_config = view_config
            return self

        def analyze(self, image):
            FakeChain.analyzed.append(image.shape)
            return analyze(image)

        def labels(self, probabilities):
            return probabilities > np.array(self.manifest.thresholds)

    return FakeChain


# -- bundles


def manifest(types: CellTypes = PAPER, thresholds=None, **others) -> Manifest:
    """Of types that are not calibrated; thresholds are 0.5 where not given."""
    count = len(types)
    values = {
        "crop": CropConfig(),
        "calibration": Calibration((1.0,) * count, tuple(thresholds or (0.5,) * count)),
    }
    if thresholds is not None:
        values["threshold_objective"] = "exact_match"
    return Manifest(types, **(values | others))


def bundle_parts(folder: pathlib.Path) -> bundles.Parts:
    """Writes parts with the files of real ones, that hold words in the place of networks."""
    contents = {
        "detector/saved_model.pb": b"graph",
        "detector/variables/data": b"weights",
        "backbone.keras": b"backbone",
        "classifier/heads.keras": b"heads",
        "classifier/tensorboard/events": b"curves",
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return bundles.Parts(folder / "detector", folder / "backbone.keras", folder / "classifier")
