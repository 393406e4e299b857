"""What a model predicts where two types or more are true.

The paper's account of Figure 6: trained on single cells a model predicts one type or none where the
model trained on multi-cell regions predicts all.
"""

import numpy as np

# The first six exclude each other; one of them is the case.
OUTCOMES = (
    "no_type",
    "one_right",
    "one_wrong",
    "several_not_all",
    "all_right",
    "several_wrong",
    "one_or_none",
)


def outcomes(predicted: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """bool [N] by name, which of OUTCOMES is the case for each region.

    'no_type' is predicted; 'one_right', one type and a true one; 'one_wrong', one and a false one;
    'several_not_all', two or more, all of them true, but not all that are; 'all_right', two or
    more, exactly the true ones; 'several_wrong', two or more, and one at least is false;
    'one_or_none', none or one.

    Args:
        predicted, truth: bool [N, T].
    """
    count, false = predicted.sum(axis=1), (predicted & ~truth).any(axis=1)
    right = (predicted == truth).all(axis=1)
    several = count > 1
    cases = (
        count == 0,
        (count == 1) & ~false,
        (count == 1) & false,
        several & ~false & ~right,
        several & right,
        several & false,
        ~several,
    )
    return dict(zip(OUTCOMES, cases, strict=True))
