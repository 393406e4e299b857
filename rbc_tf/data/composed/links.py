"""Groups that composed smears join: cells of all of them stand side by side in one field.

Whoever takes a dataset together with smears composed of it must keep a field and the cells that
stand in it on one side: the groups of a bucket and its fields become one group.
"""

import pathlib
from collections.abc import Iterable

from rbc_tf.core import structured
from rbc_tf.data.composed import dataset_writer
from rbc_tf.data.dataset import Dataset


def joined_groups(datasets: Iterable[Dataset]) -> dict[tuple[pathlib.Path, str], str]:
    """{(folder of a dataset, its group): name of the joined group}, for groups that are joined.

    Raises:
        ValueError: two composed datasets deal the groups of one source in different ways; the
            record of one is missing or damaged.
    """
    datasets = list(datasets)
    joined: dict[tuple[pathlib.Path, str], str] = {}
    dealt: dict[tuple[str, str], str] = {}
    for dataset in datasets:
        if dataset_writer.ORIGIN not in dataset.origins:
            continue
        record = _record(dataset)
        source = record["source"]["name"]
        sources = [d for d in datasets if d.root.resolve().name == source]
        for bucket in record["buckets"].values():
            # Buckets of one name may hold other groups elsewhere, those of one first group not.
            name = f"{source}/{bucket['groups'][0]}"
            joined[dataset.root, bucket["name"]] = name
            for group in bucket["groups"]:
                earlier = dealt.setdefault((source, group), name)
                if earlier != name:
                    raise ValueError(
                        f"{dataset.root}: smears composed of {source} must deal its groups as "
                        f"the others do. Received: {group} together with {earlier} and with "
                        f"{name}. Compose both with the same buckets"
                    )
                joined |= {(other.root, group): name for other in sources}
    return joined


def source_name(dataset: Dataset) -> str:
    """The name of the folder that smears were composed of; '' where nothing is composed.

    Raises:
        ValueError: the record is missing or damaged.
    """
    if dataset_writer.ORIGIN not in dataset.origins:
        return ""
    return _record(dataset)["source"]["name"]


def source_images(dataset: Dataset) -> dict[str, dict[str, str]]:
    """{bucket: {name of an image that its cells are of: sha256}}; {} where nothing is composed.

    Raises:
        ValueError: the record is missing or damaged.
    """
    if dataset_writer.ORIGIN not in dataset.origins:
        return {}
    record = _record(dataset)
    source = record["source"]
    return {
        name: {f"{source['name']}/{image}": source["images"][image] for image in bucket["images"]}
        for name, bucket in record["buckets"].items()
    }


def source_hashes(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """{name of a composed image: sha256 of the images that its cells are of}; see above."""
    of_bucket = source_images(dataset)
    if not of_bucket:
        return {}
    return {sample.name: tuple(of_bucket[sample.group].values()) for sample in dataset}


def _record(dataset: Dataset) -> dict:
    path = dataset.root / dataset_writer.RECORD_NAME
    try:
        record = structured.load_json(path)
        record["source"]["name"], record["source"]["images"], record["buckets"].values()
        return record
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} must be the record of composed smears, with their source images: {error}. "
            "Compose them again"
        ) from error
