"""Models of a study, kept beside a record of what made them: trained once, then loaded.

FOLDER/NAME.keras   the model
FOLDER/NAME.json    settings and inputs it was made of, how training went, hash of the model
"""

import json
import pathlib
from collections.abc import Callable

from absl import logging

from rbc_tf.core import files
from rbc_tf.features.cache import changed_settings


def keep_model(
    path: str | pathlib.Path,
    made_of: dict,
    train: Callable[[pathlib.Path], dict],
    overwrite: bool = False,
) -> dict:
    """Trains a model, unless it is there already and made of the same.

    Args:
        path: of the model, ending in .keras.
        made_of: settings and hashes of inputs, as nested mappings of plain JSON values.
        train: writes the model to the path that it is given, and answers how that went, as plain
            JSON values.
        overwrite: replace a model that was made of something else.

    Returns:
        What `train` answered when the model was made.

    Raises:
        ValueError: the model was made of something else, and `overwrite` is False.
    """
    path = pathlib.Path(path)
    record_path = path.with_suffix(".json")
    made_of = json.loads(json.dumps(made_of))  # tuples as lists, as they are read back
    record = _read(record_path)
    if record and path.is_file() and record["sha256"] == files.sha256_of_file(path):
        changes = changed_settings(record["made_of"], made_of)
        if not changes:
            logging.info("%s is there already.", path)
            return record["report"]
        if not overwrite:
            raise ValueError(
                f"{path} was made of something else:\n"
                + "".join(f"  {line}\n" for line in changes)
                + "Give --overwrite to replace it, or name another folder."
            )
    record_path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    report = train(path)
    record = {
        "made_of": made_of,
        "report": report,
        "sha256": files.sha256_of_file(path),
        "versions": files.versions(),
    }
    files.write_json(record_path, record)
    return record["report"]


def _read(path: pathlib.Path) -> dict | None:
    """The record; None where there is none or it is damaged."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return record if {"made_of", "report", "sha256"} <= record.keys() else None
    except (OSError, ValueError, AttributeError):
        return None
