"""What the paper reports for its own, private, images: to be set beside other figures, not against
them (the paper: What it reports)."""

import dataclasses

# Regions that the paper trains and tests on.
NUM_SINGLE_CELL, NUM_MULTI_CELL = 1080, 1389

# Accuracy of its gradient boosting, normal against abnormal, 5-fold.
BOOSTING_ACCURACY = 0.851


@dataclasses.dataclass(frozen=True)
class PaperRow:
    """One row of its Table 1: 5-fold cross-validation over six types.

    Attributes:
        model: 'A' or 'B'.
        subset: what was tested, as in `table1`.
        auc: area under the ROC curve by the name of the type.
        exact_match: its accuracy, all six types right.
    """

    name: str
    model: str
    subset: str
    auc: dict[str, float]
    exact_match: float


def _row(name: str, model: str, subset: str, *values: float) -> PaperRow:
    names = ("Oval", "Elon", "Reti", "Gran", "Echi", "Stom")
    return PaperRow(name, model, subset, dict(zip(names, values[:-1], strict=True)), values[-1])


TABLE_1 = (
    _row("A", "A", "all", 0.971, 0.943, 0.967, 0.933, 0.985, 0.908, 0.722),
    _row("A*", "A", "single", 0.995, 0.994, 1.000, 0.998, 0.999, 0.998, 0.932),
    _row("B", "B", "all", 0.974, 0.891, 0.952, 0.819, 0.935, 0.671, 0.649),
)
