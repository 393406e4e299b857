"""The chain against the baselines of the paper's comparison, on the test images of a dataset.

    OUTPUT_DIR/*.keras, *.json        the models and what made them (`models.py`)
    OUTPUT_DIR/scores.json            all scores, settings, inputs and times
    OUTPUT_DIR/table.{md,csv}         the same as tables, and one score a row
    OUTPUT_DIR/regions.csv            region by region, what each method finds and predicts

A finished model is not trained again: a run that was killed goes on with the first model that is
missing.
"""

import dataclasses
import pathlib
import time
from collections.abc import Iterator

import numpy as np

from rbc_tf.core import files, score_files
from rbc_tf.core.cell_types import SEPARATOR
from rbc_tf.core.score import Score
from rbc_tf.core.types import PRESENT
from rbc_tf.evaluation.baselines import tables
from rbc_tf.evaluation.baselines.inputs import BaselinesConfig, Inputs, load_inputs
from rbc_tf.evaluation.baselines.models import Models, obtain_models
from rbc_tf.evaluation.baselines.regions import MODEL_A, compare_regions
from rbc_tf.evaluation.baselines.scores import ComparedRegions, score_baselines


def compare_baselines(
    dataset_dir: str | pathlib.Path,
    features_dir: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    config: BaselinesConfig = BaselinesConfig(),
    overwrite: bool = False,
) -> tuple[Score, ...]:
    """Trains what is missing, runs and scores everything, and writes the files of the heading.

    Args:
        dataset_dir: dataset folder with splits and masks.
        features_dir: feature cache made from it.
        output_dir: for models and results.
        config: all settings.
        overwrite: replace models that were made from other inputs or settings.

    Raises:
        DatasetError, CacheError: a folder has problems.
        ValueError: the folders do not belong together, the backbone has seen what is to be
            scored, or `output_dir` holds models made from other settings.
    """
    output_dir = pathlib.Path(output_dir)
    inputs = load_inputs(dataset_dir, features_dir)
    models = obtain_models(inputs, output_dir, config, overwrite)
    start = time.monotonic()
    regions = compare_regions(inputs, models, config)
    scores = score_baselines(regions, MODEL_A, config.num_resamples, config.seed)
    record = _record(inputs, models, config, time.monotonic() - start)
    _write(output_dir, regions, scores, record)
    return scores


def _record(inputs: Inputs, models: Models, config: BaselinesConfig, seconds: float) -> dict:
    return {
        "config": dataclasses.asdict(config),
        "features_sha256": inputs.fingerprint.sha256,
        "feature_settings": inputs.fingerprint.settings,
        "weights": inputs.fingerprint.weights,
        "cell_types": inputs.cell_types.to_list(),
        "models": models.reports,
        "comparison_seconds": seconds,
    }


def _write(
    folder: pathlib.Path, regions: ComparedRegions, scores: tuple[Score, ...], record: dict
) -> None:
    files.write_csv(folder / "regions.csv", _header(regions), _rows(regions))
    with files.atomic_path(folder / "table.md") as temporary:
        temporary.write_text(tables.markdown(scores), encoding="utf-8")
    score_files.write_csv(folder / "table.csv", scores)
    score_files.write_json(folder / "scores.json", scores, record)


def _header(regions: ComparedRegions) -> list[str]:
    return [
        *("image", "group", "ymin", "xmin", "ymax", "xmax", "num_cells", "types"),
        *(f"{name}_cells" for name in regions.found),
        *(f"{name}_types" for name in regions.predicted),
    ]


def _rows(regions: ComparedRegions) -> Iterator[list]:
    truth = _type_names(regions, regions.labels == PRESENT)
    predicted = [_type_names(regions, values) for values in regions.predicted.values()]
    for row in range(len(regions)):
        yield [
            regions.images[row],
            regions.groups[row],
            *(f"{edge:g}" for edge in regions.boxes[row]),
            regions.num_cells[row],
            truth[row],
            *(values[row] for values in regions.found.values()),
            *(texts[row] for texts in predicted),
        ]


def _type_names(regions: ComparedRegions, present: np.ndarray) -> list[str]:
    """The names of the types that are True in bool [N, T], as CSV files hold them."""
    names = np.array(regions.names)
    return [SEPARATOR.join(names[row]) for row in present]
