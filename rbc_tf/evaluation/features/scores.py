"""Scores of heads on different features, side by side; validation chooses."""

import dataclasses
from collections.abc import Sequence

from rbc_tf.metrics.multilabel import MultilabelScores


@dataclasses.dataclass(frozen=True)
class FeatureScores:
    """How heads fare on one kind of features.

    Attributes:
        features: name of the feature cache's folder.
        weights: what the backbone's weights are called.
        crop: the crop settings, plain values.
        heads: name of the settings of the heads.
        epochs: median over the types of the epoch that was kept.
        seconds: taken by the training of the heads.
        validation, test, single_cell, multi_cell: scores at 0.5 on complete regions of the split
            'validation', of 'test', and of the latter's single-cell and multi-cell ones.
    """

    features: str
    weights: str
    crop: dict
    heads: str
    epochs: int
    seconds: float
    validation: MultilabelScores
    test: MultilabelScores
    single_cell: MultilabelScores
    multi_cell: MultilabelScores


def best_of(scores: Sequence[FeatureScores]) -> FeatureScores:
    """The one with the highest exact match on validation; of equals the higher mean AUC there."""
    return max(scores, key=lambda s: (s.validation.exact_match, s.validation.mean_auc))
