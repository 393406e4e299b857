"""The models that the comparison with baselines needs: trained on the splits, or loaded.

    OUTPUT_DIR/unet.keras              trained on masks
    OUTPUT_DIR/single_label_cnn.keras  trained on complete single-cell patches
    OUTPUT_DIR/model_a.keras           heads trained on single-cell and multi-cell regions
    OUTPUT_DIR/model_b.keras           heads trained on single-cell regions alone

    OUTPUT_DIR/NAME.json               fingerprint of settings and inputs, how training went, hash

Each learns from the split `train` and is stopped by `validation`. A finished model with the same
fingerprint is not trained again.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
from absl import logging
from tqdm import tqdm

from rbc_tf.classification.heads import load_heads
from rbc_tf.classification.training import train_heads
from rbc_tf.core import config as config_lib
from rbc_tf.core import files, image_io, structured
from rbc_tf.core.fingerprint import Fingerprint
from rbc_tf.core.keras_settings import keras
from rbc_tf.core.types import PRESENT, FeatureTable, Sample
from rbc_tf.evaluation.baselines.inputs import BaselinesConfig, Inputs
from rbc_tf.evaluation.baselines.single_label_cnn import SingleLabelCNN
from rbc_tf.evaluation.baselines.single_label_training import (
    LabelledPatches,
    train_single_label_cnn,
)
from rbc_tf.evaluation.baselines.unet import UNet
from rbc_tf.evaluation.baselines.unet_training import train_unet
from rbc_tf.features.crops import CropConfig, cut_patches

_FIT_SPLITS = ("train", "validation")


@dataclasses.dataclass(frozen=True, eq=False)
class Models:
    """Trained models, and by name how their training went."""

    unet: UNet
    cnn: SingleLabelCNN
    cnn_crop: CropConfig
    model_a: keras.Model
    model_b: keras.Model
    reports: dict[str, dict]


def obtain_models(
    inputs: Inputs, output_dir: str | pathlib.Path, config: BaselinesConfig, overwrite: bool = False
) -> Models:
    """Trains what the folder does not hold yet, and loads the rest.

    Raises:
        StaleError: the folder holds models made from other inputs or settings, and
            `overwrite` is False.
    """
    folder = pathlib.Path(output_dir)
    crop = config.cnn_crop or dataclasses.replace(inputs.crop, size=config.cnn.patch_size)
    jobs = _Jobs(inputs, config, crop)
    reports = {
        name: keep_model(folder / f"{name}.keras", Fingerprint(inputs_of), train, overwrite)
        for name, inputs_of, train in (
            ("unet", jobs.unet_inputs(), jobs.train_unet),
            ("single_label_cnn", jobs.cnn_inputs(), jobs.train_cnn),
            ("model_a", jobs.heads_inputs(False), lambda path: jobs.train_heads(path, False)),
            ("model_b", jobs.heads_inputs(True), lambda path: jobs.train_heads(path, True)),
        )
    }
    return Models(
        unet=UNet.load(folder / "unet.keras"),
        cnn=SingleLabelCNN.load(folder / "single_label_cnn.keras"),
        cnn_crop=crop,
        model_a=load_heads(folder / "model_a.keras"),
        model_b=load_heads(folder / "model_b.keras"),
        reports=reports,
    )


class _Jobs:
    """What each model is made from, and how it is trained."""

    def __init__(self, inputs: Inputs, config: BaselinesConfig, crop: CropConfig):
        self._inputs = inputs
        self._config = config
        self._crop = crop
        self._names = inputs.cell_types.names

    def unet_inputs(self) -> dict:
        samples = [s for split in _FIT_SPLITS for s in self._inputs.dataset.in_split(split)]
        hashes = [
            [sample.split, *map(files.sha256_of_file, (sample.image_path, sample.mask_path))]
            for sample in samples
        ]
        return {
            "config": dataclasses.asdict(self._config.unet),
            "images_sha256": files.sha256_of_json(hashes),
        }

    def train_unet(self, path: pathlib.Path) -> dict:
        train, validation = map(self._inputs.dataset.in_split, _FIT_SPLITS)
        return dataclasses.asdict(train_unet(train, validation, self._config.unet, path))

    def cnn_inputs(self) -> dict:
        tables = [self._single_cells(split) for split in _FIT_SPLITS]
        return {
            "config": dataclasses.asdict(self._config.cnn),
            "crop": config_lib.to_dict(self._crop),
            "patches_sha256": files.sha256_of_json([self._rows(table) for table in tables]),
        }

    def train_cnn(self, path: pathlib.Path) -> dict:
        samples = self._inputs.dataset.samples
        train, validation = (
            _cut_labelled(self._single_cells(split), samples, self._crop) for split in _FIT_SPLITS
        )
        config = self._config.cnn
        report = train_single_label_cnn(train, validation, self._names, config, path)
        counts = {"num_train": len(train), "num_validation": len(validation)}
        return {**dataclasses.asdict(report), **counts}

    def heads_inputs(self, single_cell: bool) -> dict:
        tables = [self._inputs.training_rows(split, single_cell) for split in _FIT_SPLITS]
        return {
            "config": dataclasses.asdict(self._config.heads),
            "features_sha256": self._inputs.fingerprint.sha256,
            "rows_sha256": files.sha256_of_json([self._rows(table) for table in tables]),
        }

    def train_heads(self, path: pathlib.Path, single_cell: bool) -> dict:
        train, validation = (self._inputs.training_rows(s, single_cell) for s in _FIT_SPLITS)
        trained = train_heads(train, validation, self._names, self._config.heads)
        with files.atomic_path(path) as temporary:
            trained.model.save(temporary)
        reports = [dataclasses.asdict(report) for report in trained.reports]
        return {"num_train": len(train), "num_validation": len(validation), "heads": reports}

    def _single_cells(self, split: str) -> FeatureTable:
        """Rows with exactly one cell, whose type is known."""
        table = self._inputs.training_rows(split, single_cell=True)
        return table.select(table.complete & ((table.labels == PRESENT).sum(axis=1) == 1))

    def _rows(self, table: FeatureTable) -> list:
        """What a training takes from a table beside the features."""
        images = table.images.tolist()
        entries = self._inputs.fingerprint.images
        hashes = {name: entries[name].sha256 for name in images}
        return [images, hashes, table.boxes.tolist(), table.labels.tolist(), self._names]


def _cut_labelled(
    table: FeatureTable, samples: Sequence[Sample], crop: CropConfig
) -> LabelledPatches:
    """The patches of all rows; whole brightness levels, at a quarter of the memory."""
    patches = np.zeros((len(table), crop.size, crop.size, 3), np.uint8)
    by_name = {sample.name: sample for sample in samples}
    for name in tqdm(np.unique(table.images).tolist(), desc="Cutting patches", unit="image"):
        rows = np.flatnonzero(table.images == name)
        image = image_io.read_image(by_name[name].image_path, by_name[name].intensity)
        patches[rows] = np.rint(cut_patches(image, table.boxes[rows], crop).numpy())
    return LabelledPatches(patches, table.labels.argmax(axis=1))


def keep_model(
    path: str | pathlib.Path,
    fingerprint: Fingerprint,
    train: Callable[[pathlib.Path], dict],
    overwrite: bool = False,
) -> dict:
    """Trains a model, unless it is there already with the same fingerprint.

    Args:
        path: of the model, ending in .keras.
        fingerprint: of its settings and inputs.
        train: writes the model to the path that it is given, and returns a report of the training,
            plain JSON values.
        overwrite: replace a model that was made from other inputs or settings.

    Returns:
        What `train` returned when the model was made.

    Raises:
        StaleError: the model was made from other inputs or settings, and `overwrite` is False.
    """
    path = pathlib.Path(path)
    record_path = path.with_suffix(".json")
    record = _read(record_path)
    if record and path.is_file() and record["sha256"] == files.sha256_of_file(path):
        earlier = Fingerprint(record["fingerprint"])
        if not overwrite:
            fingerprint.check(earlier, f"the model {path}")
        # Not `==`: a setting that came later and is None was not there to be recorded.
        if not fingerprint.differences(earlier):
            logging.info("%s is there already.", path)
            return record["report"]
    record_path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    report = train(path)
    record = {
        "fingerprint": fingerprint.values,
        "report": report,
        "sha256": files.sha256_of_file(path),
        "versions": files.versions(),
    }
    files.write_json(record_path, record)
    return record["report"]


def _read(path: pathlib.Path) -> dict | None:
    """The record; None where there is none or it is damaged."""
    try:
        record = structured.load_json(path)
        if "made_of" in record:  # as version 0.1.0 called it
            record["fingerprint"] = record.pop("made_of")
        return record if {"fingerprint", "report", "sha256"} <= record.keys() else None
    except (OSError, ValueError, AttributeError):
        return None
