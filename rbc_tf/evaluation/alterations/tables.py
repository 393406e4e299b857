"""The scores on altered images as one table."""

from collections.abc import Sequence

from rbc_tf.core import score_tables, text_table
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table
from rbc_tf.manifest.records import CHAIN, CLASSIFIER, DETECTOR

_COLUMNS = (
    ("AP50", "ap50", {"stage": DETECTOR}),
    ("exact match, true boxes", "exact_match", {"stage": CLASSIFIER, "subset": "all"}),
    ("exact match, whole chain", "exact_match", {"stage": CHAIN, "subset": "all"}),
)
_COUNTS = (("scaled", "num_scaled"), ("brightened", "num_lit"), ("warned of", "num_unlike"))


def table(scores: Sequence[Score], title: str) -> Table:
    """One row for each alteration: the scores that matter most, and three numbers of images."""
    names = list(dict.fromkeys(score.of["altered"] for score in scores))
    by_key = {(s.name, *sorted(s.of.items())): s.value for s in scores}

    def value(name: str, altered: str, of: dict[str, str]):
        return by_key[(name, *sorted({**of, "altered": altered}.items()))]

    rows = tuple(
        (
            score_tables.name_of(altered),
            *(text_table.decimals(value(name, altered, of)) for _, name, of in _COLUMNS),
            *(str(value(name, altered, {})) for _, name in _COUNTS),
        )
        for altered in names
    )
    header = ("images", *(heading for heading, *_ in (*_COLUMNS, *_COUNTS)))
    return Table(title, header, rows)
