"""Detection TFRecords in the TF Object Detection API's field names.

    RECORDS_DIR/{train,validation,test}-00000-of-00010    shards
    RECORDS_DIR/label_map.pbtxt                           one class, `region`, id 1
    RECORDS_DIR/records.json                              counts, hashes, and what made them

The same files train Model Garden and the older TF Object Detection API.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Collection, Mapping, Sequence

import cv2
import numpy as np
import tensorflow as tf
import tqdm

from rbc_tf.core import boxes, config, files, image_io, structured, unseen
from rbc_tf.core.types import Region, Sample
from rbc_tf.data import one_side, regions
from rbc_tf.data.composed import links
from rbc_tf.data.dataset import SPLITS, Dataset

FILE = "records.json"

CLASS_NAME = "region"
CLASS_ID = 1
LABEL_MAP = f"item {{\n  id: {CLASS_ID}\n  name: '{CLASS_NAME}'\n}}\n"


@dataclasses.dataclass(frozen=True)
class SplitRecord:
    """The images of one split.

    Attributes:
        num_images, num_boxes: how many there are.
        max_boxes: number of boxes of the image with most.
        num_shards: files that they lie in; None where not recorded.
        images: sha256 of the files of the images as they lie in the dataset folder, and of those
            that composed ones are made of, sorted; None where that is not recorded, as by version
            0.1.0.
        shards: {name of a file: sha256}; None where not recorded, as by version 0.1.0.
    """

    num_images: int
    num_boxes: int
    max_boxes: int
    num_shards: int | None = None
    images: tuple[str, ...] | None = None
    shards: dict[str, str] | None = None


@dataclasses.dataclass(frozen=True)
class RecordsInfo:
    """What records.json holds: the splits by name, and what made them."""

    splits: dict[str, SplitRecord]
    region_config: dict = dataclasses.field(default_factory=dict)
    versions: dict = dataclasses.field(default_factory=dict)


def load_info(records_dir: str | pathlib.Path) -> RecordsInfo:
    """What is recorded about a folder of records.

    Raises:
        FileNotFoundError: the folder holds no records.json.
        ValueError: it is damaged.
    """
    path = pathlib.Path(records_dir) / FILE
    try:
        content = structured.load_json(path)
        if not isinstance(content, dict):
            raise ValueError(f"a mapping is required. Received: {structured.shown(content)}")
        return config.from_dict(RecordsInfo, content, ignore_unknown=True)
    except ValueError as error:
        raise ValueError(f"{path} must be the record of detection records: {error}") from error


def check_shards(records_dir: str | pathlib.Path, split: str, expected: SplitRecord) -> None:
    """Refuses a split whose files are not those that records.json was written with.

    Where no hashes are recorded, the files must be readable to their ends and hold as many images.

    Raises:
        ValueError: names the files that are missing, empty, damaged or from elsewhere.
    """
    folder = pathlib.Path(records_dir)
    found = {path.name: path for path in sorted(folder.glob(f"{split}-?????-of-?????"))}
    names = _shard_names(split, expected, found)
    problems = [f"{name} is missing" for name in names if name not in found]
    problems += [f"{name} does not belong to it" for name in found if name not in names]
    problems += [f"{name} is empty" for name, path in found.items() if not path.stat().st_size]
    if not problems and expected.shards is not None:
        problems = [
            f"{name} has been changed (its sha256 is not the recorded one)"
            for name, path in found.items()
            if files.sha256_of_file(path) != expected.shards[name]
        ]
    elif not problems:
        problems = _problems_of_counts(found, expected.num_images)
    if problems:
        raise ValueError(
            f"{folder}: the records of split '{split}' are not those that {FILE} was written "
            f"with: {'; '.join(problems)}. Make them again with rbc_tf create-detection-records"
        )


def _shard_names(split: str, expected: SplitRecord, found: Collection[str]) -> list[str]:
    if expected.shards is not None:
        return sorted(expected.shards)
    if expected.num_shards is not None:
        count = expected.num_shards
    else:  # as the names say
        count = max((int(name[-5:]) for name in found if name[-5:].isdecimal()), default=1)
    return [f"{split}-{number:05d}-of-{count:05d}" for number in range(count)]


def _problems_of_counts(shards: Mapping[str, pathlib.Path], num_images: int) -> list[str]:
    total, problems = 0, []
    for name, path in shards.items():
        try:
            # Not a tf.data.Dataset: that is a computation, before which workers must have met.
            total += sum(1 for _ in tf.compat.v1.io.tf_record_iterator(str(path)))
        except tf.errors.OpError as error:
            problems.append(f"{name} is damaged ({str(error.message).partition(' [')[0]})")
    if not problems and total != num_images:
        problems.append(f"{total} of {num_images} images are there")
    return problems


def write_detection_records(
    datasets: Sequence[Dataset],
    output_dir: str | pathlib.Path,
    num_shards: int = 10,
    region_config: regions.RegionConfig = regions.RegionConfig(),
) -> RecordsInfo:
    """Writes the records of every split that has images; earlier records are replaced.

    Args:
        datasets: one dataset, or several that a detector is to learn from together.
        output_dir: folder for the records.
        num_shards: files a split is spread over; fewer where it has fewer images.
        region_config: what counts as a region.

    Returns:
        What records.json holds.

    Raises:
        ValueError: a dataset has no image for training, composed images and those that they are
            made of are in different splits, `num_shards` is below 1, or `output_dir` holds
            something other than records.
    """
    if num_shards < 1:
        raise ValueError(f"`num_shards` must be at least 1. Received: {num_shards}")
    for dataset in datasets:
        dataset.in_split("train")
    _check_apart(datasets)
    samples = list(itertools.chain.from_iterable(datasets))
    sources = _hashes_of_sources(datasets)
    splits = {}
    with files.atomic_folder(output_dir, marker=FILE) as folder:
        for split in SPLITS:
            members = [(i, s) for i, s in enumerate(samples) if s.split == split]
            if members:
                splits[split] = _write_split(
                    folder, split, members, min(num_shards, len(members)), region_config, sources
                )
        (folder / "label_map.pbtxt").write_text(LABEL_MAP)
        info = RecordsInfo(splits, config.to_dict(region_config), files.versions())
        files.write_json(folder / FILE, dataclasses.asdict(info))
    return info


def make_example(sample: Sample, source_id: int, found: Sequence[Region]) -> tf.train.Example:
    """One image with its boxes; boxes are normalised, `source_id` is numeric."""
    encoded, image_format, height, width = _encoded_image(sample)
    pixel_boxes = boxes.as_boxes([region.box for region in found])
    ymin, xmin, ymax, xmax = boxes.normalise(pixel_boxes, height, width).T
    feature = {
        "image/encoded": _bytes([encoded]),
        "image/format": _bytes([image_format]),
        "image/height": _ints([height]),
        "image/width": _ints([width]),
        "image/filename": _bytes([sample.image_path.name.encode()]),
        "image/source_id": _bytes([str(source_id).encode()]),
        "image/key/sha256": _bytes([files.sha256_of_bytes(encoded).encode()]),
        "image/object/bbox/ymin": _floats(ymin),
        "image/object/bbox/xmin": _floats(xmin),
        "image/object/bbox/ymax": _floats(ymax),
        "image/object/bbox/xmax": _floats(xmax),
        "image/object/class/text": _bytes([CLASS_NAME.encode()] * len(found)),
        "image/object/class/label": _ints([CLASS_ID] * len(found)),
        "image/object/is_crowd": _ints([0] * len(found)),
        "image/object/area": _floats(boxes.area(pixel_boxes)),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature))


def _check_apart(datasets: Sequence[Dataset]) -> None:
    """Raises SeenError where cells of one group are in two splits, real or composed ones."""
    contents: dict[tuple[pathlib.Path, str], set[str]] = {}
    for dataset in datasets:
        of_dataset = one_side.contents(dataset, lambda sample: sample.group)
        contents |= {(dataset.root, group): hashes for group, hashes in of_dataset.items()}
    joined = one_side.joined(contents)
    unseen.check_one_split(
        (joined[dataset.root, sample.group], sample.split or "", str(sample.image_path))
        for dataset in datasets
        for sample in dataset
    )


def _hashes_of_sources(datasets: Sequence[Dataset]) -> dict[pathlib.Path, list[str]]:
    """By composed image, the sha256 of the images that its cells are of."""
    hashes: dict[pathlib.Path, list[str]] = {}
    for dataset in datasets:
        found = links.source_hashes(dataset)
        hashes |= {s.image_path: list(found[s.name]) for s in dataset if s.name in found}
    return hashes


def _write_split(folder, split, members, num_shards, region_config, sources) -> SplitRecord:
    paths = [folder / f"{split}-{n:05d}-of-{num_shards:05d}" for n in range(num_shards)]
    writers = [tf.io.TFRecordWriter(str(path)) for path in paths]
    counts, hashes = [], set()
    for place, (source_id, sample) in enumerate(tqdm.tqdm(members, desc=split, unit="image")):
        # Of the file, not of what the record holds: that is another one where it is no JPEG.
        with files.unchanged(sample.image_path) as sha256:
            found = regions.find_regions(sample, region_config)
            example = make_example(sample, source_id, found)
        writers[place % num_shards].write(example.SerializeToString())
        counts.append(len(found))
        hashes |= {sha256, *sources.get(sample.image_path, ())}
    for writer in writers:
        writer.close()
    return SplitRecord(
        num_images=len(counts),
        num_boxes=int(np.sum(counts)),
        max_boxes=int(np.max(counts)),
        num_shards=num_shards,
        images=tuple(sorted(hashes)),
        shards={path.name: files.sha256_of_file(path) for path in paths},
    )


def _encoded_image(sample: Sample) -> tuple[bytes, bytes, int, int]:
    """(bytes, format, height, width): a plain JPEG as it is, anything else as 8-bit RGB PNG.

    Neither trainer reads TIFF, BMP or 16-bit values, or turns an image by its tag. Which format it
    is the content says, not the name; and all of it was decoded.
    """
    content = image_io.read_bytes(sample.image_path)
    image = image_io.decode_image(content, sample.image_path, sample.intensity)
    if image_io.is_plain_jpeg(content):
        return content, b"jpeg", *image.shape[:2]
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return encoded.tobytes(), b"png", *image.shape[:2]


def _bytes(values: list[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _ints(values: list[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _floats(values: np.ndarray) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values.tolist()))
