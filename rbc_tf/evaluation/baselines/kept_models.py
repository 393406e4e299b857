"""Models of a study, kept beside their fingerprints: trained once, then loaded.

FOLDER/NAME.keras   the model
FOLDER/NAME.json    fingerprint of settings and inputs, how training went, hash of the model
"""

import json
import pathlib
from collections.abc import Callable

from absl import logging

from rbc_tf.core import files
from rbc_tf.core.fingerprint import Fingerprint


def keep_model(
    path: str | pathlib.Path,
    fingerprint: Fingerprint,
    train: Callable[[pathlib.Path], dict],
    overwrite: bool = False,
) -> dict:
    """Trains a model, unless it is there already with the same fingerprint.

    Args:
        path: of the model, ending in .keras.
        fingerprint: of its settings and inputs.
        train: writes the model to the path that it is given, and answers how that went, as plain
            JSON values.
        overwrite: replace a model that was made of something else.

    Returns:
        What `train` answered when the model was made.

    Raises:
        StaleError: the model was made of something else, and `overwrite` is False.
    """
    path = pathlib.Path(path)
    record_path = path.with_suffix(".json")
    record = _read(record_path)
    if record and path.is_file() and record["sha256"] == files.sha256_of_file(path):
        earlier = Fingerprint(record["fingerprint"])
        if not overwrite:
            fingerprint.check(earlier, f"the model {path}")
        if earlier == fingerprint:
            logging.info("%s is there already.", path)
            return record["report"]
    record_path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    report = train(path)
    record = {
        "fingerprint": fingerprint.values,
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
        if "made_of" in record:  # as version 0.1.0 called it
            record["fingerprint"] = record.pop("made_of")
        return record if {"fingerprint", "report", "sha256"} <= record.keys() else None
    except (OSError, ValueError, AttributeError):
        return None
