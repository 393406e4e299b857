"""A classifier together with the features that it was trained on."""

import dataclasses
import pathlib

import numpy as np

from rbc_tf.classification.classifier import Classifier
from rbc_tf.core.types import FeatureTable
from rbc_tf.core.unseen import CLASSIFIER, SEEN_SPLITS, Seen
from rbc_tf.features import cache
from rbc_tf.metrics.classified import ClassifiedRegions
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedOn:
    """A classifier, all rows of its features, and what these were made from."""

    classifier: Classifier
    table: FeatureTable
    fingerprint: cache.Fingerprint


def load(features_dir: str | pathlib.Path, classifier_dir: str | pathlib.Path) -> TrainedOn:
    """Loads both.

    Raises:
        ValueError: the classifier was trained on other features.
        CacheError, ClassifierError: a folder is unfinished or damaged.
    """
    classifier = Classifier.load(classifier_dir)
    table = cache.load_features(features_dir)
    fingerprint = cache.load_fingerprint(features_dir)
    if classifier.record["features"]["settings"] != fingerprint.settings:
        raise ValueError(
            f"{classifier_dir}: the classifier must be trained on the features in {features_dir}. "
            "Received: one trained on others"
        )
    return TrainedOn(classifier, table, fingerprint)


def seen_by(loaded: TrainedOn) -> Seen:
    """The images that the classifier has learnt from or was tuned on.

    One of version 0.1.0 does not record them: those of the splits that it was trained on, as they
    are now.
    """
    recorded = loaded.classifier.record.get("learnt_images")
    if recorded is not None:
        return Seen(CLASSIFIER, frozenset(recorded))
    table = loaded.table
    names = np.unique(table.images[np.isin(table.splits, SEEN_SPLITS)]).tolist()
    return Seen(CLASSIFIER, loaded.fingerprint.seen_in(names))


def classify(classifier: Classifier, rows: FeatureTable) -> ClassifiedRegions:
    """What a classifier predicts for rows of features, with their truth."""
    probabilities, abnormal = classifier.predict(rows.features)
    return ClassifiedRegions(
        names=classifier.cell_types.names,
        labels=rows.labels,
        num_cells=rows.num_cells,
        groups=rows.groups,
        probabilities=probabilities,
        thresholds=np.array(classifier.calibration.thresholds),
        at_least_one=classifier.calibration.at_least_one,
        outputs=classifier.outputs(rows.features),
        abnormal=abnormal,
        abnormal_types=classifier.cell_types.abnormal,
        abnormal_threshold=PLAIN_THRESHOLD,
    )
