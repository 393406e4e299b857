"""What a classifier does worst and how its features lie, with the patches themselves.

For TensorBoard: the validation patches of highest loss, overall and of each type, and features in
the projector with thumbnails. Test images are never shown: what has been looked at is no test.
"""

import dataclasses
import pathlib
import shutil

import numpy as np
import tensorflow as tf
import tqdm

from rbc_tf.classification.calibration import has_both_classes
from rbc_tf.core import config, files, image_io
from rbc_tf.core.types import ABSENT, PRESENT, UNKNOWN, FeatureTable
from rbc_tf.data import dataset as dataset_lib
from rbc_tf.evaluation.classifier import trained_on
from rbc_tf.evaluation.classifier.patches_board import WorstPatch, write_worst_patches
from rbc_tf.evaluation.classifier.projector import write_projection
from rbc_tf.evaluation.classifier.validation_logs import VALIDATION
from rbc_tf.features.cache import Fingerprint
from rbc_tf.features.crops import CropConfig, cut_pictures
from rbc_tf.figures.drawing.predicted_patches import PredictedPatch, type_list
from rbc_tf.metrics.classified import ClassifiedRegions
from rbc_tf.metrics.multilabel import cross_entropies, exactly_right, hardest

# Beside the runs of training and of `validation_logs`.
RUN = "inspection"

PROJECTED_SPLITS = (VALIDATION, "train")

_THUMBNAIL = 48  # pixels; 3000 of them make a picture of 2640 x 2640
_LABEL_WORDS = {PRESENT: "present", ABSENT: "absent", UNKNOWN: "unknown"}


@dataclasses.dataclass(frozen=True)
class InspectionConfig:
    """How much is shown.

    Attributes:
        num_worst: patches of highest loss over all types.
        num_worst_per_type: patches of highest loss of each type.
        num_points: patches in the projector, drawn at random where there are more.
        projected_splits: whose patches these are, 'validation', 'train' or both.
        seed: of that choice.
    """

    num_worst: int = 24
    num_worst_per_type: int = 6
    num_points: int = 3000
    projected_splits: tuple[str, ...] = (VALIDATION,)
    seed: int = 0

    def __post_init__(self):
        for name in ("num_worst", "num_worst_per_type", "num_points"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be 1 or more. Received: {getattr(self, name)}")
        if not self.projected_splits or not set(self.projected_splits) <= set(PROJECTED_SPLITS):
            raise ValueError(
                f"`projected_splits` must be of {', '.join(PROJECTED_SPLITS)}. "
                f"Received: {', '.join(self.projected_splits) or 'none'}"
            )


def inspect(
    features_dir: str | pathlib.Path,
    classifier_dir: str | pathlib.Path,
    dataset_dir: str | pathlib.Path,
    log_dir: str | pathlib.Path,
    settings: InspectionConfig = InspectionConfig(),
) -> pathlib.Path:
    """Writes the run `RUN` into `log_dir`, in place of what an earlier call wrote.

    Args:
        features_dir: the features that the classifier was trained on.
        classifier_dir: the classifier.
        dataset_dir: the images that the features were made from, unchanged.
        log_dir: of TensorBoard.
        settings: how much is shown.

    Returns:
        The folder of the run.

    Raises:
        ValueError: the classifier was trained on other features, or an image is not in the
            dataset or not the one that the features were made from.
        CacheError, ClassifierError, DatasetError, ImageError: what is given cannot be read.
    """
    loaded = trained_on.load(features_dir, classifier_dir)
    pictures = _Pictures(dataset_lib.load_dataset(dataset_dir), loaded.fingerprint)
    # Images are read first: what is wrong with them shall not cost the earlier run.
    pages = _worst_pages(loaded, pictures, settings)
    points = _draw_points(loaded.table, settings)
    # Regions are mostly larger than thumbnails.
    small = dataclasses.replace(pictures.crop, size=_THUMBNAIL, supersample=2)
    thumbnails = pictures.cut(points, small, "Thumbnails")
    folder = pathlib.Path(log_dir) / RUN
    shutil.rmtree(folder, ignore_errors=True)
    names = loaded.classifier.cell_types.names
    thresholds = np.array(loaded.classifier.calibration.thresholds)
    with tf.summary.create_file_writer(str(folder)).as_default():
        for page in pages:
            write_worst_patches(page.tag, page.patches, names, thresholds, page.title)
    write_projection(folder, points.features, _columns(loaded, points), thumbnails)
    return folder


class _Pictures:
    """Patches cut from the images of a dataset, checked to be those the features were made from."""

    def __init__(self, dataset: dataset_lib.Dataset, fingerprint: Fingerprint):
        self._dataset = dataset
        self._paths = {sample.name: sample.image_path for sample in dataset}
        self._entries = fingerprint.images
        self.crop = config.from_dict(CropConfig, fingerprint.settings["crop"])

    def cut(self, rows: FeatureTable, crop: CropConfig, purpose: str) -> np.ndarray:
        """uint8 [N, size, size, 3], one patch per row."""
        patches = np.zeros((len(rows), crop.size, crop.size, 3), np.uint8)
        names = np.unique(rows.images).tolist()
        for name in tqdm.tqdm(names, desc=purpose, unit="image"):
            chosen = rows.images == name
            patches[chosen] = cut_pictures(self._read(name), rows.boxes[chosen], crop)
        return patches

    def _read(self, name: str) -> np.ndarray:
        path = self._paths.get(name)
        if path is None:
            raise ValueError(
                f"{self._dataset.root}: the images that the features were made from are required. "
                f"Received: a dataset without image '{name}'"
            )
        if files.sha256_of_file(path) != self._entries[name].sha256:
            raise ValueError(
                f"{path}: the image that the features were made from is required. Received: "
                "another one; run rbc_tf extract-features again if it was changed on purpose"
            )
        return image_io.read_image(path, self._dataset.intensity)


@dataclasses.dataclass(frozen=True, eq=False)
class _Page:
    """Patches of highest loss, under a tag of TensorBoard."""

    tag: str
    title: str
    patches: tuple[WorstPatch, ...]


def _worst_pages(
    loaded: trained_on.TrainedOn, pictures: _Pictures, settings: InspectionConfig
) -> list[_Page]:
    """Completely labelled validation patches alone: of others it is not known what is right."""
    table = loaded.table
    rows = table.select((table.splits == VALIDATION) & table.complete)
    regions = trained_on.classify(loaded.classifier, rows)
    losses = cross_entropies(regions.probabilities, regions.labels)
    overall = losses.sum(axis=1)
    title = "Worst validation patches, by cross-entropy summed over the types"
    chosen = [("worst_patches", title, overall, hardest(overall, settings.num_worst))]
    for t in np.flatnonzero(has_both_classes(regions.labels)):
        name = loaded.classifier.cell_types.names[t]
        title = f"Worst validation patches of {name}, by its cross-entropy"
        found = hardest(losses[:, t], settings.num_worst_per_type)
        chosen.append((f"worst_patches_of/{name}", title, losses[:, t], found))
    shown = np.unique(np.concatenate([found for *_, found in chosen]))
    patches = pictures.cut(rows.select(shown), pictures.crop, "Worst patches")
    patch_of = dict(zip(shown.tolist(), patches, strict=True))
    return [
        _Page(tag, title, tuple(_worst_patch(rows, regions, i, patch_of[i], own[i]) for i in found))
        for tag, title, own, found in chosen
    ]


def _worst_patch(
    rows: FeatureTable, regions: ClassifiedRegions, row: int, patch: np.ndarray, loss: float
) -> WorstPatch:
    predicted = PredictedPatch(
        patch,
        str(rows.images[row]),
        int(rows.num_cells[row]),
        rows.labels[row],
        regions.probabilities[row],
        regions.at_least_one,
    )
    return WorstPatch(predicted, tuple(rows.boxes[row].tolist()), float(loss))


def _draw_points(table: FeatureTable, settings: InspectionConfig) -> FeatureTable:
    """The rows that the projector shows, in the order of the table."""
    candidates = np.flatnonzero(np.isin(table.splits, settings.projected_splits))
    number = min(settings.num_points, len(candidates))
    generator = np.random.default_rng(settings.seed)
    return table.select(np.sort(generator.choice(candidates, number, replace=False)))


def _columns(loaded: trained_on.TrainedOn, rows: FeatureTable) -> dict[str, list]:
    """What the projector shows of each point; the first column is its label."""
    names = loaded.classifier.cell_types.names
    regions = trained_on.classify(loaded.classifier, rows)
    right = exactly_right(regions.predicted, regions.truth)
    outcomes = np.where(right, "exactly right", "not right")
    columns = {
        "types": [type_list(row, names) for row in regions.truth],
        "predicted": [type_list(row, names) for row in regions.predicted],
        "answer": np.where(rows.complete, outcomes, "not fully labelled").tolist(),
        "cells": rows.num_cells.tolist(),
        "image": rows.images.tolist(),
        "group": rows.groups.tolist(),
        "split": rows.splits.tolist(),
    }
    for t, name in enumerate(names):
        columns[f"type {name}"] = [_LABEL_WORDS[int(value)] for value in rows.labels[:, t]]
    return columns
