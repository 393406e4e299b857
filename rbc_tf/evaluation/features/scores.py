"""Scores of heads on different features, side by side; validation chooses."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from rbc_tf.core import score as score_lib
from rbc_tf.core.score import Score
from rbc_tf.core.types import FeatureTable
from rbc_tf.metrics.classified import ALL, SUBSETS, ClassifiedRegions
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD
from rbc_tf.metrics.region_scores import score_regions

VALIDATION, TEST = "validation", "test"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """Heads on one kind of features.

    Attributes:
        features: name of the feature cache's folder.
        weights: what the backbone's weights are called.
        crop: the crop settings, plain values.
        heads: name of the settings of the heads.
        epochs: median over the types of the epoch that was kept.
        seconds: taken by the training of the heads.
        scores: at 0.5 on complete regions, of a `split`, 'validation' or 'test', and a `subset`.
    """

    features: str
    weights: str
    crop: Mapping
    heads: str
    epochs: int
    seconds: float
    scores: tuple[Score, ...]

    def value(self, name: str, split: str, subset: str = ALL) -> float | int | None:
        """A score of whole regions."""
        return score_lib.one(self.scores, name, split=split, subset=subset).value


def score_split(
    rows: FeatureTable, probabilities: np.ndarray, names: Sequence[str], split: str
) -> list[Score]:
    """All scores of the rows of a split, every label known; on validation of no subset."""
    regions = ClassifiedRegions(
        names=tuple(names),
        labels=rows.labels,
        num_cells=rows.num_cells,
        groups=rows.groups,
        probabilities=probabilities,
        thresholds=np.full(len(names), PLAIN_THRESHOLD),
    )
    subsets = (ALL,) if split == VALIDATION else SUBSETS
    # All thresholds are the plain one.
    scores = score_regions(regions, subsets, without=("exact_match_plain",))
    return [score.at(split=split) for score in scores]


def best_of(candidates: Sequence[Candidate]) -> Candidate:
    """The one with the highest exact match on validation; of equals the higher mean AUC there."""

    def worth(candidate: Candidate) -> tuple[float, ...]:
        values = (candidate.value(name, VALIDATION) for name in ("exact_match", "macro_auc"))
        return tuple(-1.0 if value is None else value for value in values)

    return max(candidates, key=worth)


def all_scores(candidates: Sequence[Candidate], best: Candidate) -> list[Score]:
    """The scores of all candidates, each of its `features`, `weights`, `patches` and `heads`."""
    found = []
    for candidate in candidates:
        own = {
            "features": candidate.features,
            "weights": candidate.weights,
            "patches": patches(candidate.crop),
            "heads": candidate.heads,
        }
        facts = (
            Score("epoch", candidate.epochs),
            Score("seconds", round(candidate.seconds, 1)),
            Score("chosen", int(candidate is best)),
        )
        found += [score.at(**own) for score in (*facts, *candidate.scores)]
    return found


def patches(crop: Mapping) -> str:
    """'letterbox 96, 224': how patches are cut, and their size."""
    window = f" {crop['window']:g}" if crop["window"] else ""
    return f"{crop['mode']}{window}, {crop['size']}"
