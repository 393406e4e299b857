"""Groups that belong on one side: they have an image in common, or cells of one.

Images are the same where the content of their files is: datasets have copies under other names,
even in groups of other slides. And a composed smear shows the cells of the images that it was made
of, whatever their folder is called now.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import TypeVar

from rbc_tf.core import files
from rbc_tf.core.types import Sample
from rbc_tf.data.composed import links
from rbc_tf.data.dataset import Dataset

Key = TypeVar("Key", bound=Hashable)


def contents(dataset: Dataset, group_of: Callable[[Sample], Key]) -> dict[Key, set[str]]:
    """{group: sha256 of its images, and of those that cells in them are of}.

    A file that cannot be read is left out: who looks into it will say so.

    Args:
        dataset: whose images are hashed.
        group_of: what is to stay together with an image.

    Raises:
        ValueError: the record of composed smears is missing or damaged.
    """
    sources = links.source_hashes(dataset)
    found: dict[Key, set[str]] = {}
    for sample in dataset:
        hashes = found.setdefault(group_of(sample), set())
        hashes.update(sources.get(sample.name, ()))
        try:
            hashes.add(files.sha256_of_file(sample.image_path))
        except OSError:
            continue
    return found


def joined(contents: Mapping[Key, Collection[str]]) -> dict[Key, Key]:
    """{group: the first of those that belong on its side}, itself where it is that or alone.

    Two groups do where they have a hash in common, or each has one in common with a third.

    Args:
        contents: hashes by group, see above.
    """
    order = {group: place for place, group in enumerate(contents)}
    parent = {group: group for group in contents}

    def first_of(group: Key) -> Key:
        while parent[group] != group:
            group = parent[group]
        return group

    holder: dict[str, Key] = {}
    for group, hashes in contents.items():
        for sha256 in hashes:
            ends = sorted(
                {first_of(group), first_of(holder.setdefault(sha256, group))}, key=order.__getitem__
            )
            parent[ends[-1]] = ends[0]
    return {group: first_of(group) for group in contents}
