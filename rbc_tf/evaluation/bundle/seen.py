"""What the parts of a bundle have seen, and so what it cannot be scored on."""

import pathlib
from collections.abc import Iterable

from rbc_tf.core import unseen
from rbc_tf.core.unseen import Seen
from rbc_tf.data.composed import links
from rbc_tf.data.dataset import Dataset
from rbc_tf.features import provenance
from rbc_tf.features.backbone import read_record
from rbc_tf.inference.bundle import BACKBONE, Bundle, BundleError


def seen_by(bundle: Bundle) -> list[Seen]:
    """What the detector, the backbone and the classifier of a bundle have seen."""
    found = bundle.manifest.provenance
    learnt = None if found.data is None else found.data.learnt_images
    return [
        Seen(unseen.DETECTOR, found.detector.images),
        provenance.seen_by(read_record(bundle.path / BACKBONE)),
        Seen(unseen.CLASSIFIER, None if learnt is None else frozenset(learnt)),
    ]


def notes(bundle: Bundle, dataset: Dataset, split: str) -> list[str]:
    """Refuses to score a split that a part has seen, but for training and validation.

    Returns:
        What readers of the scores should know; see `unseen.notes`.

    Raises:
        SeenError: names the part, the groups and what to do.
    """
    images, names = _images(dataset, split)
    return unseen.notes(seen_by(bundle), images, names, split, str(dataset.root))


def notes_of_detection(bundle: Bundle, paths: Iterable[pathlib.Path]) -> list[str]:
    """What readers of scores of the detector should know, on images that have no splits.

    See `unseen.notes_of_files`.
    """
    detector = Seen(unseen.DETECTOR, bundle.manifest.provenance.detector.images)
    return unseen.notes_of_files([detector], unseen.of_files(paths))


def notes_of_comparison(bundle: Bundle, dataset: Dataset, split: str) -> list[str]:
    """As `notes`, of scores that a bundle and its twin are compared by; nothing is refused.

    Both have seen the same, and so what is compared says as much; the scores alone flatter.
    """
    scored = dataset.in_split(split)
    images = unseen.of_samples(scored, split, links.source_hashes(dataset))
    return unseen.notes_of_files(seen_by(bundle), images)


def check_held_out(bundle: Bundle, dataset: Dataset, split: str) -> list[str]:
    """Refuses images that are not held out, for scores that are kept in the bundle.

    Returns:
        The parts that are known to have seen none of them. Of a detector of version 0.1.0 it is
        not known.

    Raises:
        SeenError: a part has seen images of groups of the split.
        BundleError: the bundle does not record which images its classifier has learnt from.
    """
    parts = seen_by(bundle)
    unknown = [seen.part for seen in unseen.unrecorded(parts)]
    if unseen.CLASSIFIER in unknown:
        raise BundleError(
            f"{bundle.path}: a bundle that records which images its classifier learnt from is "
            "required. Received: one of an earlier version; export it again with "
            "rbc_tf export-bundle"
        )
    images, names = _images(dataset, split)
    unseen.check(parts, images, names, str(dataset.root))
    return [seen.part for seen in parts if seen.part not in unknown]


def _images(dataset: Dataset, split: str) -> tuple[unseen.Images, list[str]]:
    scored = dataset.in_split(split)
    images = unseen.of_samples(dataset, split, links.source_hashes(dataset))
    return images, [sample.name for sample in scored]
