"""Scores on images that no part of a bundle has learnt from, kept in the bundle itself."""

import dataclasses
import datetime

from rbc_tf.core import files
from rbc_tf.data.dataset import Dataset
from rbc_tf.evaluation.bundle import seen
from rbc_tf.evaluation.bundle.scores import ChainScores
from rbc_tf.inference.bundle import Bundle, replace_manifest
from rbc_tf.manifest import earlier
from rbc_tf.manifest.records import HeldOutScores


def record_scores(bundle: Bundle, dataset: Dataset, split: str, scores: ChainScores) -> Bundle:
    """Adds scores to the manifest and to the model card, in place of those of the same images.

    Args:
        bundle: what was scored; its hash changes, its parts do not.
        dataset, split: the images.
        scores: of the bundle on these images, at its own thresholds.

    Returns:
        The bundle as it is now.

    Raises:
        SeenError, BundleError: as `seen.check_held_out`.
    """
    unseen_by = seen.check_held_out(bundle, dataset, split)
    samples = dataset.in_split(split)
    names = bundle.manifest.cell_types.names
    entry = HeldOutScores(
        dataset=dataset.root.resolve().name,
        split=split,
        images=len(samples),
        groups=len({sample.group for sample in samples}),
        images_sha256=files.sha256_of_json(
            sorted(files.sha256_of_file(sample.image_path) for sample in samples)
        ),
        scored=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        unseen_by=tuple(unseen_by),
        scores=tuple(earlier.held_out_scores(_figures(scores, names))),
    )
    metrics = bundle.manifest.metrics
    others = [e for e in metrics.held_out if e.images_sha256 != entry.images_sha256]
    metrics = dataclasses.replace(metrics, held_out=(*others, entry))
    return replace_manifest(bundle, dataclasses.replace(bundle.manifest, metrics=metrics))


def _figures(scores: ChainScores, names: tuple[str, ...]) -> dict:
    columns = {
        "present": scores.types.num_positive,
        "auc": scores.types.auc,
        "threshold": scores.thresholds,
        "recall": scores.labels.recall,
        "precision": scores.labels.precision,
        "ece": scores.ece_after,
    }
    return {
        "detection": {
            **dataclasses.asdict(scores.detection),
            "recall_single_cell": scores.recall_single_cell,
            "recall_multi_cell": scores.recall_multi_cell,
        },
        "types": [
            {"name": name, **dict(zip(columns, values, strict=True))}
            for name, *values in zip(names, *columns.values(), strict=True)
        ],
        "exact_match": scores.types.exact_match,
        "exact_match_plain": scores.exact_match_plain,
        "regions": scores.types.num_regions,
        "abnormality": dataclasses.asdict(scores.abnormality),
        "found_and_right": scores.found_and_right,
    }
