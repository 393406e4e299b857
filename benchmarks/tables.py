"""The measurements as tables: times, and how they stand to ours."""

from collections.abc import Sequence

from benchmarks.measurement import Measurement
from rbc_tf.core.text_table import Table

_OURS = "rbc_tf"


def tables(measured: Sequence[Measurement]) -> list[Table]:
    """One for each stage, in their order; ratios are of medians at the same size."""
    peak = ceiling(measured)
    stages = dict.fromkeys(measurement.stage for measurement in measured)
    return [
        _table(stage, [one for one in measured if one.stage == stage], peak) for stage in stages
    ]


def ceiling(measured: Sequence[Measurement]) -> float | None:
    """GFLOP per second of the fastest matrix product of the machine; None where not measured."""
    rates = [one.rate for one in measured if one.stage == "machine" and one.rate]
    return max(rates, default=None)


def _table(stage: str, rows: Sequence[Measurement], peak: float | None) -> Table:
    ours = {one.size: one.median for one in rows if one.contender == _OURS}
    with_rate = any(one.gflop for one in rows)
    header = [f"size ({rows[0].unit})", "contender", "median", "fastest", "times ours"]
    if with_rate:
        header += ["GFLOP/s", "of peak"]
    lines = []
    for one in rows:
        ratio = f"{one.median / ours[one.size]:.2f}" if one.size in ours else ""
        line = [f"{one.size:,}", one.contender, _time(one.median), _time(min(one.seconds)), ratio]
        if with_rate:
            share = f"{100 * one.rate / peak:.0f} %" if one.rate and peak else ""
            line += [f"{one.rate:.0f}" if one.rate else "", share]
        lines.append(tuple(line))
    return Table(stage, tuple(header), tuple(lines), tuple(_notes(rows)))


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _notes(rows: Sequence[Measurement]) -> list[str]:
    """The facts of each row; once where they are the same for all rows of a size."""
    notes = []
    for size in dict.fromkeys(one.size for one in rows):
        of_size = [one for one in rows if one.size == size]
        what = f"{size:,} {of_size[0].unit if size == 1 else plural(of_size[0].unit)}"
        if len(of_size) > 1 and all(one.facts == of_size[0].facts for one in of_size):
            by_row = {what: of_size[0].facts}
        else:
            by_row = {f"{one.contender}, {what}": one.facts for one in of_size}
        notes += [f"{of}: {_facts(facts)}" for of, facts in by_row.items() if facts]
    return notes


def _facts(facts: dict) -> str:
    listed = ", ".join(f"{name} {_value(value)}" for name, value in facts.items())
    return listed.replace("_", " ")


def plural(unit: str) -> str:
    """'patches' of 'patch'."""
    return f"{unit}es" if unit.endswith("ch") else f"{unit}s"


def _value(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
