"""Confidence intervals of shares."""

import math

Z_95 = 1.959963984540054


def wilson(successes: float, total: float) -> tuple[float, float]:
    """95 % interval of a share (Wilson's score interval); (0, 1) where nothing was counted.

    Args:
        successes, total: counts, or what is as good as them where they are not independent.

    Raises:
        ValueError: `successes` is not between 0 and `total`.
    """
    if not 0 <= successes <= total:
        raise ValueError(
            f"`successes` must lie between 0 and `total`. Received: {successes} of {total}"
        )
    if total == 0:
        return 0.0, 1.0
    share, spread = successes / total, Z_95**2 / total
    centre = (share + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    # Rounding would leave all and none a hair beside 1 and 0.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return low, 1.0 if successes == total else min(1.0, centre + half)
