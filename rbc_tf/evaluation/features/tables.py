"""The comparison of features as tables and files."""

import pathlib
from collections.abc import Mapping, Sequence

from rbc_tf.core import score as score_lib
from rbc_tf.core import score_files, score_tables, text_table
from rbc_tf.core.text_table import Table
from rbc_tf.evaluation.features.scores import (
    TEST,
    VALIDATION,
    Candidate,
    all_scores,
    patches,
)
from rbc_tf.metrics.classified import ALL, MULTI_CELL, SEVERAL_TYPES, SINGLE_CELL

_PARTS = {
    (VALIDATION, ALL): "validation",
    (TEST, ALL): "test",
    (TEST, SINGLE_CELL): "single-cell test",
    (TEST, MULTI_CELL): "multi-cell test",
    (TEST, SEVERAL_TYPES): "several types, test",
}
_SHOWN = tuple(_PARTS)[:4]


def choice_table(candidates: Sequence[Candidate], best: Candidate) -> Table:
    """One row per features and heads; the best is marked by an arrow."""
    first = candidates[0]
    rows = [
        (
            _name(candidate, best),
            patches(candidate.crop),
            str(candidate.epochs),
            *(text_table.decimals(candidate.value("exact_match", *part)) for part in _SHOWN),
            *(text_table.decimals(candidate.value("macro_auc", s)) for s in (VALIDATION, TEST)),
        )
        for candidate in candidates
    ]
    header = ("features, heads", "patches", "epoch", "validation", "test", "single-cell")
    counts = ", ".join(f"{first.value('num_regions', *part)} {_PARTS[part]}" for part in _SHOWN)
    return Table(
        title="Features and heads compared: exact match, and mean AUC over types",
        header=(*header, "multi-cell", "AUC val.", "AUC test"),
        rows=tuple(rows),
        notes=(
            f"Complete regions: {counts}. Thresholds are 0.5.",
            "> marks the choice: the highest exact match on validation. The test took no part.",
            f"Mean AUC over the types that have one: {_types_with_auc(first, VALIDATION)} on "
            f"validation, {_types_with_auc(first, TEST)} on the test.",
        ),
    )


def further_tables(candidates: Sequence[Candidate], best: Candidate) -> tuple[Table, ...]:
    """Every score of whole regions, and every mean over the types, a table for each part."""
    found = []
    for (split, subset), title in _PARTS.items():
        scores = [
            score.at(candidate=_name(candidate, best))
            for candidate in candidates
            for score in candidate.scores
            if score.of == {"split": split, "subset": subset}
        ]
        found.append(
            score_tables.narrow(score_tables.pivot(scores, f"Regions: {title}", "candidate"))
        )
    return tuple(found)


def write(
    folder: str | pathlib.Path,
    candidates: Sequence[Candidate],
    best: Candidate,
    heads: Mapping[str, Mapping],
) -> None:
    """Writes features.{json,csv,md}.

    Args:
        folder: made where it is not there.
        candidates, best: what was compared, and the choice.
        heads: settings by their names, plain values.
    """
    folder = pathlib.Path(folder)
    scores = all_scores(candidates, best)
    about = {
        "heads": dict(heads),
        "crops": {candidate.features: dict(candidate.crop) for candidate in candidates},
        "chosen": [best.features, best.heads],
    }
    score_files.write_json(folder / "features.json", scores, about)
    score_files.write_csv(folder / "features.csv", scores)
    tables = (choice_table(candidates, best), *further_tables(candidates, best))
    score_files.write_markdown(folder / "features.md", tables)


def _name(candidate: Candidate, best: Candidate) -> str:
    return f"{'> ' if candidate is best else '  '}{candidate.features}, {candidate.heads}"


def _types_with_auc(candidate: Candidate, split: str) -> int:
    scores = score_lib.select(candidate.scores, "auc", split=split, subset=ALL)
    return sum(score.value is not None for score in scores)
