"""Scores on images that no part of a bundle has learnt from, kept in the bundle itself."""

import dataclasses
import datetime
from collections.abc import Sequence

from rbc_tf.core import files
from rbc_tf.core.score import Score
from rbc_tf.data.dataset import Dataset, origin_of
from rbc_tf.evaluation.bundle import seen
from rbc_tf.inference.bundle import Bundle, replace_manifest
from rbc_tf.inference.view_config import ViewConfig
from rbc_tf.manifest.records import HeldOutScores


def record_scores(
    bundle: Bundle,
    dataset: Dataset,
    split: str,
    scores: Sequence[Score],
    view_config: ViewConfig = ViewConfig(),
) -> Bundle:
    """Adds scores to the manifest and to the model card, in place of those of the same images.

    Args:
        bundle: what was scored; its hash changes, its parts do not.
        dataset, split: the images.
        scores: of the bundle on these images, at its own thresholds.
        view_config: how the images were looked at.

    Returns:
        The bundle as it is now.

    Raises:
        SeenError, BundleError: as `seen.check_held_out`.
    """
    unseen_by = seen.check_held_out(bundle, dataset, split)
    samples = dataset.in_split(split)
    entry = HeldOutScores(
        dataset=dataset.root.resolve().name,
        split=split,
        images=len(samples),
        groups=len({sample.group for sample in samples}),
        origin=origin_of(samples),
        images_sha256=files.sha256_of_json(
            sorted(files.sha256_of_file(sample.image_path) for sample in samples)
        ),
        scored=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        scale=view_config.described(),
        light=view_config.light,
        rotations=view_config.rotations,
        unseen_by=tuple(unseen_by),
        scores=tuple(scores),
    )
    metrics = bundle.manifest.metrics
    others = [e for e in metrics.held_out if e.images_sha256 != entry.images_sha256]
    metrics = dataclasses.replace(metrics, held_out=(*others, entry))
    return replace_manifest(bundle, dataclasses.replace(bundle.manifest, metrics=metrics))
