"""Which groups of the source a field may take its cells from."""

import collections
import dataclasses

import numpy as np

from rbc_tf.data.composed.config import ComposeConfig
from rbc_tf.data.dataset import Dataset


@dataclasses.dataclass(frozen=True)
class Bucket:
    """Groups of a dataset, all of one split, that no other bucket has.

    Attributes:
        name: the group of the fields composed from it.
        groups: names of the source's groups, sorted.
        images: names of the source's images, sorted.
        split: their split, '' where none is assigned.
        subject: their subject, '' where none is known.
    """

    name: str
    groups: tuple[str, ...]
    images: tuple[str, ...]
    split: str
    subject: str


def deal(dataset: Dataset, config: ComposeConfig) -> tuple[Bucket, ...]:
    """Deals the groups of a dataset into buckets, the cells of each type as evenly as they allow.

    Splits of the dataset and, where they are known, subjects are kept apart, since cells of two
    patients (who may have been photographed otherwise) are never seen in one field: each gets
    buckets by its share of the labelled cells, at least one.

    Raises:
        ValueError: there are fewer groups than buckets; a group is of several subjects; by
            subject, an image has no subject.
    """
    by_subject = config.buckets_by == "subject"
    for sample in dataset if by_subject else ():
        if not sample.subject:
            raise ValueError(
                f"{dataset.root}: the subject of each image is required for buckets by subject. "
                f"Received: none for '{sample.name}'"
            )
    counts = _counts(dataset)
    if not by_subject and len(counts) < config.num_buckets:
        raise ValueError(
            f"{dataset.root}: a group for each bucket is required. "
            f"Received: {config.num_buckets} buckets of {len(counts)} groups"
        )
    side_of = _sides(dataset)
    numbers = _buckets_of_sides(counts, side_of, config.num_buckets)
    dealt = []
    for side, number in numbers.items():
        of_side = {group: row for group, row in counts.items() if side_of[group] == side}
        dealt += [(groups, *side) for groups in _dealt_evenly(of_side, 1 if by_subject else number)]
    return tuple(
        _bucket(dataset, f"composed_{number + 1:03d}", *bucket)
        for number, bucket in enumerate(dealt)
    )


def _sides(dataset: Dataset) -> dict[str, tuple[str, str]]:
    """{group: (split, subject)}."""
    sides: dict[str, tuple[str, str]] = {}
    for sample in dataset:
        _, subject = sides.setdefault(sample.group, (sample.split, sample.subject))
        if subject != sample.subject:
            raise ValueError(
                f"{dataset.root}: a group must be of one subject, so that no field has cells of "
                f"two. Received: '{sample.group}' of '{subject}' and '{sample.subject}'"
            )
    return sides


def _bucket(dataset: Dataset, name: str, groups: set[str], split: str, subject: str) -> Bucket:
    images = tuple(sorted(sample.name for sample in dataset if sample.group in groups))
    return Bucket(name, tuple(sorted(groups)), images, split, subject)


def _counts(dataset: Dataset) -> dict[str, np.ndarray]:
    """{group: float64 [T], its labelled cells of each type}."""
    counts = {sample.group: np.zeros(len(dataset.cell_types)) for sample in dataset}
    for sample in dataset:
        for cell in sample.cells:
            if cell.type in dataset.cell_types:
                counts[sample.group][dataset.cell_types.index(cell.type)] += 1
    return counts


def _buckets_of_sides(counts: dict, side_of: dict, num_buckets: int) -> dict[tuple, int]:
    """{(split, subject): number of buckets}, by its share of the cells, at least one."""
    cells: collections.Counter = collections.Counter()
    groups = collections.Counter(side_of[group] for group in counts)
    for group, row in counts.items():
        cells[side_of[group]] += row.sum()
    total = sum(cells.values()) or 1
    return {
        side: int(np.clip(round(num_buckets * cells[side] / total), 1, groups[side]))
        for side in sorted(groups)
    }


def _dealt_evenly(counts: dict[str, np.ndarray], number: int) -> list[set[str]]:
    """The largest groups first, each to the bucket that needs its types the most."""
    totals = np.sum(list(counts.values()), axis=0)
    scale = np.where(totals > 0, number / np.maximum(totals, 1), 0)
    filled = np.zeros((number, len(totals)))
    dealt: list[set[str]] = [set() for _ in range(number)]
    for group in sorted(counts, key=lambda group: (-counts[group].sum(), group)):
        after = filled + scale * counts[group]
        # A bucket of no group comes first; else where the sum of squared fillings grows least.
        growth = (after**2 - filled**2).sum(axis=1) + [1e-6 * len(groups) for groups in dealt]
        chosen = int(np.argmin([g if dealt[k] else -1.0 for k, g in enumerate(growth)]))
        dealt[chosen].add(group)
        filled[chosen] = after[chosen]
    return dealt
