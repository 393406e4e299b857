"""Scores on images that no part of a bundle has learnt from, kept in the bundle itself."""

import dataclasses
import datetime

from rbc_tf.core import files
from rbc_tf.data.dataset import Dataset
from rbc_tf.evaluation.bundle.scores import ChainScores
from rbc_tf.inference.bundle import Bundle, BundleError, replace_manifest
from rbc_tf.manifest import earlier
from rbc_tf.manifest.records import HeldOutScores

_LISTED = 5


def check_unseen(bundle: Bundle, dataset: Dataset, split: str) -> None:
    """Refuses images of groups that the classifier of a bundle was trained or tuned on.

    Images are compared by content; one that took part rules out its whole group. (Those that a
    backbone was fine-tuned on, `evaluation.bundle.run` refuses; which images a detector was trained
    on is not known.)

    Raises:
        ValueError: names such groups, or the bundle does not say which images there are.
    """
    data = bundle.manifest.provenance.data
    learnt = None if data is None else data.learnt_images
    if learnt is None:
        raise BundleError(
            f"{bundle.path}: a bundle that says which images its classifier learnt from is "
            "required. Received: one of an earlier version; export it again with "
            "rbc_tf export-bundle"
        )
    known = set(learnt)
    used = {s.group for s in dataset if files.sha256_of_file(s.image_path) in known}
    shared = sorted(used & {sample.group for sample in dataset.in_split(split)})
    if shared:
        more = f" and {len(shared) - _LISTED} more" if len(shared) > _LISTED else ""
        raise ValueError(
            f"{dataset.root}: only groups of images that the classifier was neither trained nor "
            f"tuned on can be held out. Received: {', '.join(shared[:_LISTED])}{more}"
        )


def record_scores(bundle: Bundle, dataset: Dataset, split: str, scores: ChainScores) -> Bundle:
    """Adds scores to the manifest and to the model card, in place of those of the same images.

    Args:
        bundle: what was scored; its hash changes, its parts do not.
        dataset, split: the images.
        scores: of the bundle on these images, at its own thresholds.

    Returns:
        The bundle as it is now.

    Raises:
        ValueError: as `check_unseen`.
    """
    check_unseen(bundle, dataset, split)
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
