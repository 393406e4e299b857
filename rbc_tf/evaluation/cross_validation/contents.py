"""Exact match by what regions hold: several cells, a type. It shows where errors are."""

from collections.abc import Mapping

import numpy as np

from rbc_tf.metrics import classified, region_scores
from rbc_tf.metrics.bootstrap import GroupBootstrap
from rbc_tf.metrics.classified import ClassifiedRegions
from rbc_tf.metrics.fold_scores import FoldScore, measure
from rbc_tf.metrics.statistics import shares


def subsets(regions: ClassifiedRegions) -> dict[str, np.ndarray]:
    """{subset: bool [N]}, those that hold a region; a type's regions may hold others as well."""
    found = classified.by_num_cells(regions.num_cells)
    present = zip(regions.names, regions.truth.T, strict=True)
    found |= {f"holding {name}": rows for name, rows in present}
    return {name: rows for name, rows in found.items() if rows.any()}


def score(
    regions: Mapping[str, ClassifiedRegions], bootstrap: GroupBootstrap
) -> tuple[FoldScore, ...]:
    """Of each model; `subset` is one of `subsets`, and all of its regions are the support."""
    return tuple(
        measure(
            shares(
                region_scores.exact_match(of_model)[:, None], bootstrap.unit_of_row, rows[:, None]
            ),
            lambda weights: weights,
            bootstrap,
        ).score("exact_match", {"model": model, "subset": subset}, int(rows.sum()))
        for model, of_model in regions.items()
        for subset, rows in subsets(of_model).items()
    )
