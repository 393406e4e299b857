"""What a training run was begun with, so that it goes on with nothing else.

    MODEL_DIR/made_from.json    settings that decide the result, and hashes of the records

A run may be made longer; machines, and how often it is saved and logged, may change.
"""

import pathlib
import shutil
from collections.abc import Sequence

import tensorflow as tf

from rbc_tf.core import files, structured
from rbc_tf.core.fingerprint import Fingerprint
from rbc_tf.detection.garden import configs, records

FILE = "made_from.json"
PARAMS = "params.yaml"

_REMEDY = (
    "Give --overwrite to train anew, which deletes what is there, or name another folder. "
    "What may change: trainer.train_steps and train_epochs, intervals, runtime but precision"
)

# Settings that decide no result, or how far one is.
_FREE = {
    "runtime": None,
    "trainer": (
        *("train_steps", "train_epochs", "steps_per_loop", "summary_interval", "max_to_keep"),
        *("checkpoint_interval", "validation_interval", "validation_steps", "loss_upper_bound"),
        *("best_checkpoint_export_subdir", "recovery_max_trials", "recovery_begin_steps"),
    ),
    "task": ("records_dir", "name", "summary_images", "evaluation_split", "allow_image_summary"),
}

# What a run writes into its folder.
_OWN = ("checkpoint", "ckpt-*", "best", PARAMS, FILE, "images.json", "train", "validation")
_OWN_TOO = ("validation_images", "metrics-*.json")


def check(params: configs.Experiment, splits: Sequence[str], model_dir: str) -> None:
    """Refuses to go on with other settings or records than the run was begun with.

    Args:
        params: as given, before steps are derived from epochs.
        splits: of the records that the run reads.
        model_dir: its folder.

    Raises:
        StaleError: names what differs.
        ValueError: what is recorded there is damaged.
    """
    folder = pathlib.Path(model_dir)
    now = _fingerprint(params, splits)
    what = f"the training in {folder}"
    if (folder / FILE).is_file():
        earlier = Fingerprint.load(folder / FILE)
        known = earlier.values.get("records", {})
        # A run that only trained so far may begin to evaluate, and the other way round.
        both = {split: sha256 for split, sha256 in known.items() if split in splits}
        asked = {split: now.values["records"][split] for split in both}
        now = Fingerprint({**now.values, "records": asked})
        now.check(Fingerprint({**earlier.values, "records": both}), what, _REMEDY)
    elif (folder / PARAMS).is_file():  # of version 0.1.0, which recorded no more
        settings = structured.load_yaml(folder / PARAMS)
        if not isinstance(settings, dict):
            raise ValueError(f"{folder / PARAMS} must be the settings of a training run")
        now = Fingerprint({"settings": now.values["settings"]})
        now.check(Fingerprint({"settings": _deciding(settings)}), what, _REMEDY)


def note(params: configs.Experiment, splits: Sequence[str], model_dir: str) -> None:
    """Records what a run is begun with, and with what it goes on beyond that."""
    path = pathlib.Path(model_dir) / FILE
    now = _fingerprint(params, splits).values
    if path.is_file():
        known = Fingerprint.load(path).values.get("records", {})
        now = {**now, "records": {**known, **now["records"]}}
    Fingerprint(now).save(path)


def delete(model_dir: str) -> None:
    """Deletes what an earlier run has written into a folder, and nothing else."""
    folder = pathlib.Path(model_dir)
    for pattern in (*_OWN, *_OWN_TOO):
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def sweep(model_dir: str) -> None:
    """Removes what runs that were killed while they wrote a checkpoint have left."""
    for folder in (pathlib.Path(model_dir), pathlib.Path(model_dir) / "best"):
        for path in (*folder.glob("ckpt-*_temp"), *folder.glob("*.tempstate*")):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        for path in folder.glob("checkpoint.tmp*"):
            path.unlink(missing_ok=True)


def _fingerprint(params: configs.Experiment, splits: Sequence[str]) -> Fingerprint:
    known = records.load_splits(params.task.records_dir)
    found = {split: _sha256(known[split]) for split in splits}
    return Fingerprint({"settings": _deciding(params.as_dict()), "records": found})


def _sha256(split: records.SplitRecord) -> str:
    values = [split.num_images, split.num_boxes, split.max_boxes, split.images]
    # Boxes may change while images stay; only newer records tell by their files.
    return files.sha256_of_json([*values, sorted((split.shards or {}).items())])


def _deciding(settings: dict) -> dict:
    kept = {}
    for key, value in settings.items():
        free = _FREE.get(key, ())
        if free is None or not isinstance(value, dict):
            kept |= {} if free is None else {key: value}
        else:
            kept[key] = {name: inner for name, inner in value.items() if name not in free}
    precision = (settings.get("runtime") or {}).get("mixed_precision_dtype")
    return tf.nest.map_structure(_plain, {**kept, "precision": precision})


def _plain(value):
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
