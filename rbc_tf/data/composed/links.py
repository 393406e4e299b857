"""Which images the cells of composed smears are of: who learns from a field has seen them.

Cells of all groups of a bucket stand side by side in its fields.
"""

from rbc_tf.core import structured
from rbc_tf.data.composed import dataset_writer
from rbc_tf.data.dataset import Dataset


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
        ValueError: the record is missing or damaged, or lacks the group of a composed image.
    """
    if dataset_writer.ORIGIN not in dataset.origins:
        return {}
    record = _record(dataset)
    for sample in dataset:
        if sample.origin == dataset_writer.ORIGIN and sample.group not in record["buckets"]:
            raise ValueError(
                f"{sample.image_path}: the group of a composed image must be one of "
                f"{dataset_writer.RECORD_NAME}. Received: {sample.group}"
            )
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
    return {
        sample.name: tuple(of_bucket[sample.group].values())
        for sample in dataset
        if sample.origin == dataset_writer.ORIGIN
    }


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
