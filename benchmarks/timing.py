"""Seconds that contenders take, fairly."""

import dataclasses
import time
from collections.abc import Callable, Sequence


@dataclasses.dataclass(frozen=True)
class Contender:
    """A name and one call of the work; whatever the call returns must be computed by then."""

    name: str
    run: Callable[[], object]


def compare(contenders: Sequence[Contender], repetitions: int) -> dict[str, tuple[float, ...]]:
    """Seconds of every repetition by name.

    One call each comes first and is not counted; then the contenders take turns, so that a drift
    of the machine meets all alike.
    """
    for contender in contenders:
        contender.run()
    seconds = {contender.name: [] for contender in contenders}
    for _ in range(repetitions):
        for contender in contenders:
            start = time.perf_counter()
            contender.run()
            seconds[contender.name].append(time.perf_counter() - start)
    return {name: tuple(times) for name, times in seconds.items()}
