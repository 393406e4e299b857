"""What the paper reports for its own, private, images: to be set beside other scores, not against
them (the paper: What it reports)."""

from collections.abc import Iterator

from rbc_tf.core.score import Score
from rbc_tf.metrics.fold_scores import MEAN

# Regions that the paper trains and tests on.
NUM_SINGLE_CELL, NUM_MULTI_CELL = 1080, 1389

TYPES = ("Oval", "Elon", "Reti", "Gran", "Echi", "Stom")

# Its Table 1: name of the row, model, subset, AUC of each type and exact match.
_TABLE_1 = (
    ("A", "A", "all", 0.971, 0.943, 0.967, 0.933, 0.985, 0.908, 0.722),
    ("A*", "A", "single_cell", 0.995, 0.994, 1.000, 0.998, 0.999, 0.998, 0.932),
    ("B", "B", "all", 0.974, 0.891, 0.952, 0.819, 0.935, 0.671, 0.649),
)

# Its experiments by what they are called, with model and subset.
EXPERIMENTS = {name: (model, subset) for name, model, subset, *_ in _TABLE_1}


def _scores() -> Iterator[Score]:
    for _, model, subset, *auc, exact_match in _TABLE_1:
        of = {"source": "paper", "model": model, "subset": subset, "aggregate": MEAN}
        yield Score("exact_match", exact_match, of=of)
        for type_name, value in zip(TYPES, auc, strict=True):
            yield Score("auc", value, of={**of, "type": type_name})
    of = {"source": "paper", "model": "A", "subset": "all", "aggregate": MEAN}
    yield Score("accuracy", 0.851, of={**of, "abnormality": "boosting"})


# Means over 5 folds.
SCORES = tuple(_scores())
