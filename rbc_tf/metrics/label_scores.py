"""Scores of labels, type by type: of what is there how much is named, and the other way round."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class LabelScores:
    """Per type, None where there is nothing to count.

    Attributes:
        recall: share of the regions with the type that are said to have it; None where none has.
        precision: share of the regions said to have the type that do; None where none is.
        f1: harmonic mean of both, 0 where no region is rightly said to have the type; None where
            none has it.
    """

    recall: tuple[float | None, ...]
    precision: tuple[float | None, ...]
    f1: tuple[float | None, ...]


def score_labels(said: np.ndarray, labels: np.ndarray) -> LabelScores:
    """Scores labels given against labels that are all known.

    Args:
        said: bool [N, T], the types said to be present.
        labels: int8 [N, T], 1 present, 0 absent.

    Raises:
        ValueError: shapes differ, or a label is unknown.
    """
    if said.shape != labels.shape or said.ndim != 2:
        raise ValueError(
            "`said` and `labels` must both have the shape [N, T]. "
            f"Received: {said.shape} and {labels.shape}"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("Only complete regions can be scored. Received: unknown labels")
    there = labels == 1
    right, num_said, num_there = ((said & there).sum(axis=0), said.sum(axis=0), there.sum(axis=0))
    return LabelScores(
        recall=_shares(right, num_there),
        precision=_shares(right, num_said),
        # 2 / (1 / recall + 1 / precision), written so that no part of it can be missing.
        f1=_shares(2 * right, np.where(num_there, num_there + num_said, 0)),
    )


def _shares(counts: np.ndarray, totals: np.ndarray) -> tuple[float | None, ...]:
    pairs = zip(counts.tolist(), totals.tolist(), strict=True)
    return tuple(count / total if total else None for count, total in pairs)
