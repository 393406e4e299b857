"""The one guard against leakage: images that a part of the chain has seen are not scored.

A part has seen what it learnt from and what it was tuned on: images that stopped its training or
chose its best state, its temperatures or its thresholds. Images are the same where the content of
their files is, so that renaming hides nothing, and one image that was seen rules out its whole
group: what was photographed together is alike. A composed image is as well known as the images that
its cells are of.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

from rbc_tf.core import files
from rbc_tf.core.names import listed
from rbc_tf.core.types import Sample

DETECTOR, BACKBONE, CLASSIFIER = "detector", "backbone", "classifier"

# Splits that a part has seen by definition. Who asks for one of them wants just that.
SEEN_SPLITS = ("train", "validation")


class SeenError(ValueError):
    """Images that a part has seen cannot be scored."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """The images that a part has learnt from or was tuned on.

    Attributes:
        part: DETECTOR, BACKBONE or CLASSIFIER.
        images: sha256 of their files; None where that is not recorded.
        regions: 'single_cell' or 'all': which regions of these images it learnt from.
    """

    part: str
    images: frozenset[str] | None
    regions: str = "all"


@dataclasses.dataclass(frozen=True)
class Images:
    """Images by name: the sha256 of the file of each, and its group.

    `sources` has, of those that were composed, the sha256 of the images that their cells are of.
    """

    sha256: Mapping[str, str]
    group: Mapping[str, str]
    sources: Mapping[str, Collection[str]] = dataclasses.field(default_factory=dict)

    def hashes(self, name: str) -> set[str]:
        """Of all that is seen in an image."""
        return {self.sha256[name], *self.sources.get(name, ())}


def of_samples(
    samples: Iterable[Sample], split: str, sources: Mapping[str, Collection[str]]
) -> Images:
    """The images of a dataset in the groups of a split; those of other groups decide nothing.

    A file that cannot be read is left out: it can be neither seen nor scored.

    Args:
        samples: of the dataset.
        split: that is scored.
        sources: as of `Images`.
    """
    samples = list(samples)
    groups = {sample.group for sample in samples if sample.split == split}
    sha256 = {}
    for sample in samples:
        if sample.group in groups:
            try:
                sha256[sample.name] = files.sha256_of_file(sample.image_path)
            except OSError:
                continue
    return Images(sha256, {s.name: s.group for s in samples if s.name in sha256}, sources)


def of_files(paths: Iterable[pathlib.Path]) -> Images:
    """Images of which nothing but the files is known: each is a group of its own.

    As in `of_samples`, a file that cannot be read is left out.
    """
    sha256 = {}
    for path in paths:
        with contextlib.suppress(OSError):
            sha256[path.name if path.name not in sha256 else str(path)] = files.sha256_of_file(path)
    return Images(sha256, {name: name for name in sha256})


def seen_groups(seen: Seen, images: Images, scored: Collection[str]) -> dict[str, list[str]]:
    """Groups of scored images of which the part has seen an image.

    Args:
        seen: of a part; where nothing is recorded, nothing is found.
        images: those scored, and whatever else lies in their groups.
        scored: names of the images that are scored.

    Returns:
        {group: names of its images that were seen}, sorted.
    """
    groups = {images.group[name] for name in scored if name in images.group}
    found: dict[str, list[str]] = {}
    for name in sorted(images.sha256):
        if images.group[name] in groups and not images.hashes(name).isdisjoint(seen.images or ()):
            found.setdefault(images.group[name], []).append(name)
    return dict(sorted(found.items()))


def check(parts: Iterable[Seen], images: Images, scored: Collection[str], where: str) -> None:
    """Refuses images of groups that a part has seen.

    Args:
        parts: that take part in the scores.
        images: those scored, and whatever else lies in their groups.
        scored: names of the images that are scored.
        where: they lie, for the error.

    Raises:
        SeenError: names the part, the groups and what to do.
    """
    lines = _seen_lines(parts, images, scored)
    if lines:
        raise SeenError(
            f"{where}: only images of groups that no part has learnt from or was tuned on can be "
            f"scored. Received: {'; '.join(lines)}. Choose another split or other images, or "
            "train without them"
        )


def notes(
    parts: Sequence[Seen], images: Images, scored: Collection[str], split: str, where: str
) -> list[str]:
    """As `check`, but a split of SEEN_SPLITS is noted instead of refused.

    Returns:
        Sentences for readers of the scores: of which part it is not recorded what it has seen,
        and, for a split of SEEN_SPLITS, that the scores are not held out.
    """
    unknown = _unknown(parts)
    if split not in SEEN_SPLITS:
        check(parts, images, scored, where)
        return unknown
    lines = _seen_lines(parts, images, scored)
    because = f": {'; '.join(lines)}" if lines else ""
    return [f"Scores on split '{split}' are not held out{because}. They flatter.", *unknown]


def notes_of_files(parts: Sequence[Seen], images: Images) -> list[str]:
    """As `notes`, for images without splits, of which somebody else may say that they are new.

    Nothing is refused: who has annotations from elsewhere cannot choose another split, and the
    scores are worth something where a few of many images were seen.
    """
    found = []
    for seen in parts:
        names = [n for group in seen_groups(seen, images, images.sha256).values() for n in group]
        if names:
            noun = "image" if len(images.sha256) == 1 else "images"
            found.append(
                f"The {seen.part} has seen {len(names)} of {len(images.sha256)} {noun}, "
                f"{listed(names)}: these scores are not held out. They flatter."
            )
    return found + _unknown(parts)


def unrecorded(parts: Iterable[Seen]) -> list[Seen]:
    """Parts of which it is not recorded what they have seen."""
    return [seen for seen in parts if seen.images is None]


def check_apart(kind: str, train: Iterable[str], validation: Iterable[str]) -> None:
    """Refuses to train on what training is to be stopped by.

    Args:
        kind: 'group' or 'image'.
        train, validation: names of groups, or hashes of images.

    Raises:
        SeenError: some are in both.
    """
    shared = sorted(set(train) & set(validation))
    if shared:
        raise SeenError(
            f"No {kind} may be in the training and in the validation part: what was photographed "
            "together, and copies of it, must be on one side. "
            f"Received: {len(shared)} in both, {listed(shared)}"
        )


def check_one_split(rows: Iterable[tuple[Hashable, str, str]]) -> None:
    """Refuses groups that are learnt from in one split and scored in another.

    Args:
        rows: (group, split, image) of each, where a group holds the copies of its images, too, and
            what is composed of them; images in no split ('') take no part.

    Raises:
        SeenError: a group is in several splits.
    """
    first: dict[Hashable, tuple[str, str]] = {}
    divided: dict[Hashable, str] = {}
    for group, split, image in rows:
        if not split:
            continue
        earlier, other = first.setdefault(group, (split, image))
        if earlier != split:
            divided.setdefault(group, f"{other} in '{earlier}' and {image} in '{split}'")
    if divided:
        raise SeenError(
            "What is photographed together, copies of it, and what is composed of it must be in "
            f"one split. Received: {len(divided)} in several, {listed(list(divided.values()))}. "
            "Divide the images again (rbc_tf split-dataset), and make again what was made of them"
        )


def check_single_cell(seen: Seen, where: str) -> None:
    """Refuses a part that learnt from multi-cell regions.

    Where training on single cells alone is compared with training on all regions (Models B and
    A of the paper), B must not inherit from another part what A alone may learn from.

    Raises:
        SeenError: it did.
    """
    if seen.images and seen.regions != "single_cell":
        raise SeenError(
            f"{where}: the {seen.part} must be fine-tuned on single-cell regions alone to compare "
            "models trained on single cells and on all regions. Received: one fine-tuned on "
            f"{seen.regions} regions. Fine-tune with --regions=single_cell"
        )


def _unknown(parts: Iterable[Seen]) -> list[str]:
    return [f"Which images the {seen.part} has seen is not recorded." for seen in unrecorded(parts)]


def _seen_lines(parts: Iterable[Seen], images: Images, scored: Collection[str]) -> list[str]:
    lines = []
    for seen in parts:
        groups = seen_groups(seen, images, scored)
        if groups:
            number = sum(map(len, groups.values()))
            noun = "image" if number == 1 else "images"
            lines.append(
                f"the {seen.part} has seen {number} {noun} of group {listed(list(groups))}"
            )
    return lines
