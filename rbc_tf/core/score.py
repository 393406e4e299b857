"""One score: a number with its name, its interval, and what it is of.

Whatever is measured ends as a list of these, and whatever shows scores (console, Markdown, CSV,
JSON, TensorBoard, the model card) reads that list. So a score that is computed once appears
everywhere it belongs.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

Interval = tuple[float, float]

# How a statistic is called in tables where its name, spelt out, will not do.
TITLES = {
    "ap50": "AP50 (the paper's AP)",
    "ap50_coco": "AP50 (COCO)",
    "ap50_measured": "AP50, curve as measured",
    "ap50_area": "AP50",
    "ap75": "AP75 (COCO)",
    "ap75_area": "AP75, area under the curve",
    "ap50_95": "AP50:95 (COCO)",
    "auc": "AUC",
    "best_type": "best type is true",
    "ece": "ECE",
    "ece_raw": "ECE raw",
    "exact_match_plain": "exact match at 0.5",
    "exact_match_at_least_one": "exact match, at least one type",
    "f1": "F1",
    "jaccard_index": "Jaccard index",
    "merged_regions": "regions missed in a merge",
    "merging_detections": "detections that merge regions",
    "n_abnormal": "abnormal",
    "n_negative": "do not have it",
    "n_positive": "have it",
    "num_groups": "groups of images",
    "num_images": "images",
    "num_patches": "patches",
    "num_regions": "regions",
    "points_inside": "labelled cells inside a detection",
    "split_regions": "regions that are split",
    "splitting_detections": "false positives in a split region",
}
_MACRO = "macro_"


@dataclasses.dataclass(frozen=True)
class Score:
    """One score.

    Attributes:
        name: of the statistic, in snake case: 'exact_match', 'auc', 'recall'.
        value: a share or another float, a count where it is an int; None where nothing defines
            it. Never nan: given one, it becomes None.
        interval: 95 %; None where there is none.
        of: what was scored, as pairs of a name and a value: {'subset': 'multi_cell'},
            {'type': 'burr cell', 'model': 'A'}.
        support: how many regions, boxes or cells it is a statistic of; None where not counted.
    """

    name: str
    value: float | int | None
    interval: Interval | None = None
    of: Mapping[str, str] = dataclasses.field(default_factory=dict)
    support: int | None = None

    def __post_init__(self):
        object.__setattr__(self, "value", _plain(self.value))
        if self.interval is not None:
            low, high = map(_plain, self.interval)
            both = low is not None and high is not None and self.value is not None
            object.__setattr__(self, "interval", (low, high) if both else None)

    @property
    def title(self) -> str:
        """What tables call the statistic."""
        return title_of(self.name)

    @property
    def mean_of(self) -> str | None:
        """The statistic whose mean over the types this is, 'auc' of 'macro_auc'; None of others."""
        return self.name.removeprefix(_MACRO) if self.name.startswith(_MACRO) else None

    def at(self, **of: str) -> "Score":
        """The same, with more of what was scored."""
        return dataclasses.replace(self, of={**self.of, **of})

    def without(self, *keys: str) -> "Score":
        """The same, with less of what was scored."""
        return dataclasses.replace(self, of={k: v for k, v in self.of.items() if k not in keys})


def title_of(name: str) -> str:
    """What tables call a statistic."""
    if name.startswith(_MACRO):
        return f"macro {title_of(name.removeprefix(_MACRO))}"
    return TITLES.get(name, name.replace("_", " "))


def select(scores: Iterable[Score], name: str | None = None, **of: str) -> list[Score]:
    """The scores of that name (any where None) that are of all of `of`, in their order."""
    return [
        score
        for score in scores
        if name in (None, score.name) and all(score.of.get(k) == v for k, v in of.items())
    ]


def one(scores: Iterable[Score], name: str, **of: str) -> Score:
    """The only score of that name that is of exactly `of`; raises KeyError where there is none."""
    found = [score for score in scores if score.name == name and dict(score.of) == of]
    if len(found) != 1:
        raise KeyError(f"One score '{name}' of {of} is required. Received: {len(found)}")
    return found[0]


def to_json(scores: Iterable[Score]) -> list[dict]:
    """Plain values of JSON, one mapping a score."""
    return [
        {
            "name": score.name,
            "of": dict(score.of),
            "value": score.value,
            "interval": None if score.interval is None else list(score.interval),
            "support": score.support,
        }
        for score in scores
    ]


def from_json(values: Sequence[Mapping]) -> tuple[Score, ...]:
    """What `to_json` wrote; raises ValueError where it is something else."""
    try:
        return tuple(
            Score(
                value["name"],
                value["value"],
                None if value["interval"] is None else tuple(value["interval"]),
                dict(value["of"]),
                value["support"],
            )
            for value in values
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"A list of scores is required. Received: {error!r} in it") from error


def _plain(value: float | int | None) -> float | int | None:
    """A number of Python's own; None for nan and infinities, which JSON does not know."""
    if value is None or isinstance(value, int):
        return value
    if hasattr(value, "item"):  # NumPy's
        return _plain(value.item())
    return float(value) if math.isfinite(value) else None
