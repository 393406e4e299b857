"""Whether the parts of what is marked lie together, as those of one region do."""

from collections.abc import Sequence

import numpy as np

Extent = tuple[float, float, float, float]

# Parts of a region may be apart by so many pixels, as where its outline was drawn with gaps.
_NEAR = 5


def extent(x: Sequence[float], y: Sequence[float]) -> Extent:
    """(ymin, xmin, ymax, xmax) around points, of which there is one at least."""
    return min(y), min(x), max(y), max(x)


def check_together(parts: Sequence[Extent], advice: str = "") -> None:
    """Raises ValueError where parts are too far apart for one region of connected cells.

    Args:
        parts: (ymin, xmin, ymax, xmax) of each.
        advice: how to make several of it, for the message.
    """
    places = _num_places(np.array(parts, np.float64).reshape(-1, 4))
    if places > 1:
        raise ValueError(
            f"the parts of a region must touch. Received: {len(parts)} parts in {places} places; "
            f"make each an annotation of its own{advice}"
        )


def _num_places(waiting: np.ndarray) -> int:
    """In how many places extents [N, 4] lie; those within reach of one another are in one."""
    places = 0
    while len(waiting):
        places += 1
        reached, waiting = waiting[:1], waiting[1:]
        while len(reached) and len(waiting):
            # Not all pairs at once: outlines traced from masks have thousands of holes.
            part, reached = reached[0], reached[1:]
            gaps = np.maximum(waiting[:, :2] - part[2:], part[:2] - waiting[:, 2:])
            near = gaps.max(axis=1) <= _NEAR
            reached, waiting = np.concatenate([reached, waiting[near]]), waiting[~near]
    return places
