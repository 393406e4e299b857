"""Where the models of a fold have their features from: one table for all, or a backbone each.

A backbone that was fine-tuned on a dataset has seen its images: to score all of them, every fold
needs its own, fine-tuned on the rows that the model is trained on and stopped by those that stop
the model. Model B's has seen no multi-cell region. The paper fine-tunes nothing.
"""

import dataclasses
import pathlib
import shutil
import typing

import numpy as np

from rbc_tf.core import files, unseen
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.keras_settings import keras
from rbc_tf.core.types import FeatureTable
from rbc_tf.features import finetuning, provenance
from rbc_tf.features.backbone import Backbone, hash_of_weights
from rbc_tf.features.extractor import FeatureExtractor
from rbc_tf.features.finetuning import FinetuningConfig
from rbc_tf.features.patch_archive import PatchArchive

_EXTRACTED_AT_A_TIME = 1024

# Patches that an epoch of the fine-tuning is judged by.
_MOST_VALIDATED = 1000


class FoldFeatures(typing.Protocol):
    """Features of the rows of a study, model by model.

    Attributes:
        rows: all rows; their features may be empty.
        composed: bool [N], rows of composed images.
        cell_types: of the labels.
        weights: what the weights of the backbone are called.
        fingerprint: what the features are made of, plain JSON values.
        archive: the patches of all rows, where they are at hand.
        shared: the features of a row are the same in all folds and models.
    """

    @property
    def rows(self) -> FeatureTable: ...

    @property
    def composed(self) -> np.ndarray: ...

    @property
    def cell_types(self) -> CellTypes: ...

    @property
    def weights(self) -> str: ...

    @property
    def fingerprint(self) -> dict: ...

    @property
    def archive(self) -> PatchArchive | None: ...

    @property
    def shared(self) -> bool: ...

    def of(
        self, name: str, train: np.ndarray, stopping: np.ndarray, others: np.ndarray
    ) -> FeatureTable:
        """The rows with the features that a model has; rows that are not asked for may lack them.

        Args:
            name: of fold and model, for its working folder.
            train, stopping, others: int [n], rows to learn from, to stop by and to predict.
        """

    def check_unseen(self, scored: np.ndarray) -> None:
        """Refuses to score rows int [n] that what the features come from has seen before.

        Raises:
            SeenError: it has seen images of their groups, or multi-cell regions of any.
        """

    def forget(self, name: str) -> None:
        """The results of fold and model are kept: what was made on the way can go."""


@dataclasses.dataclass(frozen=True, eq=False)
class GivenFeatures:
    """One table for all, from a feature cache."""

    rows: FeatureTable
    composed: np.ndarray
    cell_types: CellTypes
    weights: str
    fingerprint: dict
    archive: PatchArchive | None = None
    shared: bool = True

    def of(self, name, train, stopping, others) -> FeatureTable:
        return self.rows

    def check_unseen(self, scored) -> None:
        """Nothing: `training.given_features` has."""

    def forget(self, name) -> None:
        pass


@dataclasses.dataclass(frozen=True, eq=False)
class FinetunedFeatures:
    """A backbone for each model of each fold, fine-tuned from the same start.

    Attributes:
        archive: patches of all rows.
        start: where each training begins.
        weights: what its weights are called.
        config: of the fine-tuning.
        work_dir: for trainings that are not finished, which go on from there.
    """

    archive: PatchArchive
    start: Backbone
    weights: str
    config: FinetuningConfig
    work_dir: pathlib.Path
    shared: bool = False

    @property
    def rows(self) -> FeatureTable:
        return self.archive.table(np.zeros((len(self.archive), 0), np.float32))

    @property
    def composed(self) -> np.ndarray:
        return self.archive.composed

    @property
    def cell_types(self) -> CellTypes:
        return CellTypes.from_list(self.archive.about["cell_types"])

    @property
    def fingerprint(self) -> dict:
        return {
            "patches": files.sha256_of_bytes(self.archive.patches.tobytes()),
            "crop": self.archive.about["crop"],
            "backbone": self.start.name,
            "weights": hash_of_weights(self.start.model),
            "finetuning": self.config.to_fingerprint(),
        }

    def check_unseen(self, scored) -> None:
        seen = provenance.seen_by(self.start.record)
        unseen.check_single_cell(seen, self.weights)
        rows = self.archive.select(scored)
        groups = dict(zip(rows.images.tolist(), rows.groups.tolist(), strict=True))
        sources = rows.about["sources"]
        of_images = {name: set(sources.get(group, {}).values()) for name, group in groups.items()}
        images = unseen.Images(rows.about["image_hashes"], groups, of_images)
        unseen.check([seen], images, groups, self.weights)

    def of(self, name, train, stopping, others) -> FeatureTable:
        learnt, config = self._to_learn_from(train)
        model, _ = finetuning.finetune(
            self.archive.select(learnt),
            self.archive.select(self._to_validate_by(stopping)),
            config,
            self.start.model,
            self.work_dir / name,
            self.start.name,
        )
        extractor = FeatureExtractor(Backbone(model, name=self.start.name))
        features = np.zeros((len(self.archive), self.start.feature_dim), np.float32)
        rows = np.concatenate([train, stopping, others])
        for first in range(0, len(rows), _EXTRACTED_AT_A_TIME):
            some = rows[first : first + _EXTRACTED_AT_A_TIME]
            features[some] = extractor.extract(self.archive.patches[some].astype(np.float32))
        keras.backend.clear_session()
        return self.archive.table(features)

    def _to_learn_from(self, train: np.ndarray) -> tuple[np.ndarray, FinetuningConfig]:
        """Rows and settings; a model without composed multi-cell regions learns from real ones."""
        composed = self.archive.composed[train]
        if not self.config.composed_share or composed.all():
            return train, self.config
        if (composed & (self.archive.num_cells[train] > 1)).any():
            return train, self.config
        return train[~composed], dataclasses.replace(self.config, composed_share=None)

    def _to_validate_by(self, stopping: np.ndarray) -> np.ndarray:
        """A sample of them, where there are many: an epoch is to be spent on learning."""
        if len(stopping) <= _MOST_VALIDATED:
            return stopping
        rng = np.random.default_rng(self.config.seed)
        return np.sort(rng.choice(stopping, _MOST_VALIDATED, replace=False))

    def forget(self, name) -> None:
        shutil.rmtree(self.work_dir / name, ignore_errors=True)
