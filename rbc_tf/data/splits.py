"""Train, validation and test by group, so that what was photographed together stays together."""

import collections
import dataclasses

import numpy as np

from rbc_tf.core import files
from rbc_tf.data import one_side
from rbc_tf.data.dataset import SPLITS, Dataset, write_images_table

# What is kept on one side: the slide, block or source image, or the patient.
GROUPINGS = ("group", "subject")

# Random assignments that are compared; each costs microseconds.
_NUM_CANDIDATES = 2000
# Fewer that happen to keep copies together leave too little choice.
_FEWEST_CANDIDATES = 500


@dataclasses.dataclass(frozen=True)
class SplitConfig:
    """Shares of the images; the rest, `1 - validation - test`, is for training.

    With `group_by` 'subject' all groups of a subject come into the same split.
    """

    validation: float = 0.15
    test: float = 0.2
    seed: int = 0
    group_by: str = "group"

    def __post_init__(self):
        if self.group_by not in GROUPINGS:
            raise ValueError(
                f"`group_by` must be one of {', '.join(GROUPINGS)}. Received: {self.group_by}"
            )
        for name in ("validation", "test"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be between 0 and 1. Received: {getattr(self, name)}"
                )
        if self.validation + self.test >= 1:
            raise ValueError(
                "`validation` + `test` must leave something for training. "
                f"Received: {self.validation} + {self.test}"
            )

    @property
    def shares(self) -> np.ndarray:
        """float64 [3], in the order of SPLITS."""
        return np.array([1 - self.validation - self.test, self.validation, self.test])


def assign_splits(dataset: Dataset, config: SplitConfig) -> dict[str, str]:
    """Draws a split for each group; the cell types are spread as evenly as groups allow.

    Of many seeded random assignments the one is taken whose shares of images and of each type's
    cells come nearest to those asked for. Only labels are counted; of images nothing is looked at
    but whether they are copies, whose groups come into one split.

    Returns:
        {group: split}, with at least one group in each split.

    Raises:
        ValueError: there are fewer groups (or subjects) than splits, without those that share an
            image; or, by subject, an image has no subject, or a group has images of several.
    """
    unit_of_group = _units(dataset, config.group_by)
    names, counts = _count_by_unit(dataset, unit_of_group)
    firsts = _firsts(dataset, unit_of_group, names)
    if len(set(firsts)) < len(SPLITS):
        raise ValueError(
            f"{dataset.root}: at least {len(SPLITS)} {config.group_by}s without an image in common "
            f"are required to split by {config.group_by}. "
            f"Received: {len(set(firsts))} ({', '.join(names)})"
        )
    rng = np.random.default_rng(config.seed)
    candidates = _draw_candidates(rng, firsts, config.shares)
    best = min(candidates, key=lambda drawn: _unevenness(drawn, counts, config.shares))
    split_of_unit = dict(zip(names, (SPLITS[split] for split in best), strict=True))
    return {group: split_of_unit[unit] for group, unit in sorted(unit_of_group.items())}


def save_splits(dataset: Dataset, split_of_group: dict[str, str], config: SplitConfig) -> None:
    """Writes the splits into the dataset's images.csv, and what drew them into splits.json."""
    samples = [dataclasses.replace(s, split=split_of_group[s.group]) for s in dataset.samples]
    write_images_table(dataset.root, samples)
    groups = {split: [g for g, s in split_of_group.items() if s == split] for split in SPLITS}
    record = {"config": dataclasses.asdict(config), "groups": groups}
    files.write_json(dataset.root / "splits.json", {**record, "versions": files.versions()})


def _units(dataset: Dataset, group_by: str) -> dict[str, str]:
    """{group: what is kept on one side with it}: the group itself, or its subject."""
    if group_by == "group":
        return {sample.group: sample.group for sample in dataset.samples}
    found: dict[str, str] = {}
    for sample in dataset.samples:
        subject = found.setdefault(sample.group, sample.subject)
        if not sample.subject:
            raise ValueError(
                f"{dataset.root}: the subject of each image is required to split by subject "
                f"(column `subject` of images.csv). Received: none for '{sample.name}'"
            )
        if subject != sample.subject:
            raise ValueError(
                f"{dataset.root}: a group must be of one subject to split by subject. "
                f"Received: '{sample.group}' of {subject} and {sample.subject}"
            )
    return found


def _firsts(dataset: Dataset, unit_of_group: dict, names: list[str]) -> np.ndarray:
    """int64 [U], of each unit the place of the first that it shares an image with, or its own."""
    contents = one_side.contents(dataset, lambda sample: unit_of_group[sample.group])
    joined = one_side.joined({name: contents[name] for name in names})
    return np.array([names.index(joined[name]) for name in names])


def _count_by_unit(dataset: Dataset, unit_of_group: dict) -> tuple[list[str], np.ndarray]:
    """Names of the units; float64 [U, 1 + T], images and labelled cells of each type."""
    counts: dict[str, np.ndarray]
    counts = collections.defaultdict(lambda: np.zeros(1 + len(dataset.cell_types)))
    for sample in dataset.samples:
        row = counts[unit_of_group[sample.group]]
        row[0] += 1
        # Where both are there, regions hold the same cells once more.
        types = [cell.type for cell in sample.cells] or [
            name for region in sample.regions or () for name in region.types
        ]
        for name in types:
            if name in dataset.cell_types:
                row[1 + dataset.cell_types.index(name)] += 1
    names = sorted(counts)
    return names, np.stack([counts[name] for name in names])


def _draw(rng: np.random.Generator, num_groups: int, shares: np.ndarray) -> np.ndarray:
    """int64 [G], a random split of each group, none of them empty."""
    drawn = rng.choice(len(SPLITS), size=num_groups, p=shares)
    drawn[rng.permutation(num_groups)[: len(SPLITS)]] = np.arange(len(SPLITS))
    return drawn


def _draw_candidates(
    rng: np.random.Generator, firsts: np.ndarray, shares: np.ndarray
) -> list[np.ndarray]:
    """Random splits int64 [U] of units, those that share images in one; see `_firsts`.

    With a few copies these are draws that would have been without them, too.
    """
    drawn = [_draw(rng, len(firsts), shares) for _ in range(_NUM_CANDIDATES)]
    kept = [each for each in drawn if np.array_equal(each, each[firsts])]
    if len(kept) >= _FEWEST_CANDIDATES:
        return kept
    joined, place = np.unique(firsts, return_inverse=True)
    return [_draw(rng, len(joined), shares)[place] for _ in range(_NUM_CANDIDATES)]


def _unevenness(drawn: np.ndarray, counts: np.ndarray, shares: np.ndarray) -> float:
    """How far the shares of images and types are from those asked for; lower is better."""
    totals = counts.sum(axis=0)
    counts, totals = counts[:, totals > 0], totals[totals > 0]
    found = np.stack([counts[drawn == split].sum(axis=0) for split in range(len(SPLITS))])
    relative = found / totals / shares[:, None]  # 1 where a split has just its share
    lacking = (found == 0).sum()  # a type that a split lacks cannot be learned or scored there
    return float(np.abs(relative - 1).mean() + np.abs(relative[:, 0] - 1).max() + lacking)
