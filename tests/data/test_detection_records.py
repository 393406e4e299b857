"""Detection records, read back by plain TensorFlow and by names of the Object Detection API."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from rbc_tf.core import files, image_io
from rbc_tf.data import dataset, detection_records
from rbc_tf.data.detection_records import SplitRecord
from tests.core.decoding import varieties

# Field names and types that the TF Object Detection API's decoder reads.
_FIELDS = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "image/format": tf.io.FixedLenFeature([], tf.string),
    "image/height": tf.io.FixedLenFeature([], tf.int64),
    "image/width": tf.io.FixedLenFeature([], tf.int64),
    "image/filename": tf.io.FixedLenFeature([], tf.string),
    "image/source_id": tf.io.FixedLenFeature([], tf.string),
    "image/key/sha256": tf.io.FixedLenFeature([], tf.string),
    "image/object/bbox/ymin": tf.io.VarLenFeature(tf.float32),
    "image/object/bbox/xmin": tf.io.VarLenFeature(tf.float32),
    "image/object/bbox/ymax": tf.io.VarLenFeature(tf.float32),
    "image/object/bbox/xmax": tf.io.VarLenFeature(tf.float32),
    "image/object/class/text": tf.io.VarLenFeature(tf.string),
    "image/object/class/label": tf.io.VarLenFeature(tf.int64),
    "image/object/is_crowd": tf.io.VarLenFeature(tf.int64),
    "image/object/area": tf.io.VarLenFeature(tf.float32),
}


@pytest.fixture
def folder(tmp_path):
    """Five images of 40 x 20 with 0 to 4 regions of 6 x 6; one is a JPEG."""
    rows = ["image,group,split"]
    for number in range(5):
        image = np.full((20, 40, 3), 50 * number, np.uint8)
        if number == 3:
            image_io.write_jpeg(tmp_path / "images" / "s3.jpg", image)
        else:
            image_io.write_png(tmp_path / "images" / f"s{number}.png", image)
        mask = np.zeros((20, 40), bool)
        for place in range(number):
            mask[4:10, 10 * place : 10 * place + 6] = True
        image_io.write_mask(tmp_path / "masks" / f"s{number}.png", mask)
        rows.append(f"s{number},,{'test' if number == 4 else 'train'}")
    (tmp_path / "images.csv").write_text("\n".join(rows))
    return tmp_path


def _read(paths):
    records = tf.data.TFRecordDataset([str(path) for path in sorted(paths)])
    parsed = [tf.io.parse_single_example(record, _FIELDS) for record in records]
    return {int(example["image/source_id"].numpy()): example for example in parsed}


def test_records_hold_images_and_boxes(folder, tmp_path):
    loaded = dataset.load_dataset(folder)
    out = tmp_path / "records"
    info = detection_records.write_detection_records([loaded], out, num_shards=3)
    hashes = {s.name: files.sha256_of_file(s.image_path) for s in loaded}
    in_training = tuple(sorted(hashes[f"s{number}"] for number in range(4)))
    shards = {name: split.shards for name, split in info.splits.items()}
    assert {name for names in shards.values() for name in names} == {
        *(f"train-0000{number}-of-00003" for number in range(3)),
        "test-00000-of-00001",
    }
    assert {name: dataclasses.replace(s, shards=None) for name, s in info.splits.items()} == {
        "train": SplitRecord(4, 6, 3, num_shards=3, images=in_training),
        "test": SplitRecord(1, 4, 4, num_shards=1, images=(hashes["s4"],)),
    }
    assert detection_records.load_info(out) == info
    assert "id: 1" in (out / "label_map.pbtxt").read_text()
    assert sorted(path.name for path in out.glob("train*")) == [
        f"train-{n:05d}-of-00003" for n in range(3)
    ]

    examples = _read(out.glob("train-*"))
    assert sorted(examples) == [0, 1, 2, 3]
    two = examples[2]
    # Regions of 6 x 6 at (4, 0) and (4, 10) in an image of 20 x 40.
    assert tf.sparse.to_dense(two["image/object/bbox/ymin"]).numpy() == pytest.approx([0.2, 0.2])
    assert tf.sparse.to_dense(two["image/object/bbox/xmin"]).numpy() == pytest.approx([0, 0.25])
    assert tf.sparse.to_dense(two["image/object/bbox/ymax"]).numpy() == pytest.approx([0.5, 0.5])
    assert tf.sparse.to_dense(two["image/object/bbox/xmax"]).numpy() == pytest.approx([0.15, 0.4])
    assert tf.sparse.to_dense(two["image/object/area"]).numpy().tolist() == [36, 36]
    assert tf.sparse.to_dense(two["image/object/class/label"]).numpy().tolist() == [1, 1]
    assert tf.sparse.to_dense(two["image/object/class/text"]).numpy().tolist() == [b"region"] * 2
    assert tf.io.decode_image(two["image/encoded"]).numpy().tolist() == [[[100] * 3] * 40] * 20
    digest = hashlib.sha256(two["image/encoded"].numpy()).hexdigest()
    assert two["image/key/sha256"].numpy().decode() == digest
    assert examples[3]["image/format"].numpy() == b"jpeg"
    original = (folder / "images" / "s3.jpg").read_bytes()
    assert examples[3]["image/encoded"].numpy() == original
    assert len(examples[0]["image/object/area"].values) == 0


def test_splits_are_required(folder, tmp_path):
    (folder / "images.csv").unlink()
    loaded = dataset.load_dataset(folder)
    with pytest.raises(ValueError, match="split 'train'"):
        detection_records.write_detection_records([loaded], tmp_path / "records")
    assert not (tmp_path / "records").exists()
    with pytest.raises(ValueError, match="num_shards"):
        detection_records.write_detection_records([loaded], tmp_path / "records", num_shards=0)


def test_records_of_0_1_0_do_not_say_which_images(tmp_path):
    train = {"num_images": 28, "num_boxes": 1156, "max_boxes": 54, "num_shards": 4}
    content = {"splits": {"train": train}, "region_config": {"min_area": 30}, "versions": {}}
    (tmp_path / "records.json").write_text(json.dumps(content))
    info = detection_records.load_info(tmp_path)
    assert info.splits == {"train": SplitRecord(28, 1156, 54, 4)}
    assert info.splits["train"].images is None


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"splits": {"train": {"num_images": 5}}}'])
def test_a_damaged_record_is_named(tmp_path, content):
    (tmp_path / "records.json").write_text(content)
    with pytest.raises(ValueError, match=r"records\.json must be the record"):
        detection_records.load_info(tmp_path)


@pytest.fixture
def records(folder, tmp_path):
    out = tmp_path / "records"
    info = detection_records.write_detection_records(
        [dataset.load_dataset(folder)], out, num_shards=2
    )
    detection_records.check_shards(out, "train", info.splits["train"])
    return out


def _older(split):
    """As version 0.1.0 recorded it."""
    return dataclasses.replace(split, images=None, shards=None)


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize("recorded", [lambda split: split, _older], ids=["hashes", "counts"])
@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda path: path.unlink(), "train-00000-of-00002 is missing"),
        (lambda path: path.write_bytes(b""), "train-00000-of-00002 is empty"),
        (_flip, "train-00000-of-00002 (has been changed|is damaged)"),
        (_cut, "train-00000-of-00002 (has been changed|is damaged)"),
        (
            lambda path: path.with_name("train-00000-of-00001").write_bytes(path.read_bytes()),
            "train-00000-of-00001 does not belong to it",
        ),
    ],
    ids=["missing", "empty", "flipped", "cut", "foreign"],
)
def test_shards_that_are_not_those_that_were_written_are_named(records, damage, problem, recorded):
    split = recorded(detection_records.load_info(records).splits["train"])
    damage(records / "train-00000-of-00002")
    with pytest.raises(ValueError, match=f"split 'train' are not those.*{problem}"):
        detection_records.check_shards(records, "train", split)


def test_shards_of_another_run_are_noticed(records, folder, tmp_path):
    split = detection_records.load_info(records).splits["train"]
    one, other = (records / f"train-0000{number}-of-00002" for number in range(2))
    one.write_bytes(other.read_bytes())
    with pytest.raises(ValueError, match="train-00000-of-00002 has been changed"):
        detection_records.check_shards(records, "train", split)
    one.write_bytes(one.read_bytes() + other.read_bytes())
    with pytest.raises(ValueError, match="of 4 images are there"):
        detection_records.check_shards(records, "train", _older(split))


def test_an_image_that_changes_while_it_is_read_is_refused(folder, tmp_path, monkeypatch):
    loaded = dataset.load_dataset(folder)
    found = detection_records.regions.find_regions

    def exchange(sample, config):
        image_io.write_png(sample.image_path, np.zeros((20, 40, 3), np.uint8))
        return found(sample, config)

    monkeypatch.setattr(detection_records.regions, "find_regions", exchange)
    with pytest.raises(ValueError, match="has been changed while it was read"):
        detection_records.write_detection_records([loaded], tmp_path / "records")
    assert not (tmp_path / "records").exists()


def _one_sample(tmp_path, name, content):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / name).write_bytes(content)
    rows = "image,ymin,xmin,ymax,xmax,types,num_cells,complete\ns,2,3,8,10,,1,false\n"
    (tmp_path / "regions.csv").write_text(rows)
    (tmp_path / "images.csv").write_text("image,group,split\ns,,train\n")
    return dataset.load_dataset(tmp_path).sample("s")


def _exif(tag):
    block = Image.Exif()
    block[274] = tag
    return block


@pytest.mark.parametrize(
    ("name", "content", "image_format"),
    [
        ("s.jpg", varieties.pillow(varieties.picture(), "JPEG"), b"jpeg"),
        ("s.jpg", varieties.pillow(varieties.picture(), "JPEG", "L"), b"jpeg"),
        ("s.png", varieties.pillow(varieties.picture(), "JPEG"), b"jpeg"),
        ("s.jpg", varieties.pillow(varieties.picture(), "PNG"), b"png"),
        ("s.jpg", varieties.tiff(varieties.picture(), photometric="rgb"), b"png"),
        ("s.jpeg", varieties.pillow(varieties.picture(), "BMP"), b"png"),
        ("s.jpg", varieties.pillow(varieties.picture(), "JPEG", "CMYK"), b"png"),
        ("s.jpg", varieties.pillow(varieties.picture(), "JPEG", exif=_exif(6)), b"png"),
        ("s.jpg", varieties.pillow(varieties.picture(), "JPEG", exif=_exif(3)), b"png"),
    ],
)
def test_records_hold_what_their_format_says_as_it_is_shown(tmp_path, name, content, image_format):
    sample = _one_sample(tmp_path, name, content)
    example = detection_records.make_example(sample, 1, sample.regions)
    feature = example.features.feature
    encoded = feature["image/encoded"].bytes_list.value[0]
    assert feature["image/format"].bytes_list.value[0] == image_format
    expected = image_io.read_image(sample.image_path)
    decoded = tf.io.decode_image(encoded, channels=3).numpy()
    np.testing.assert_allclose(decoded.astype(int), expected, atol=12)  # TensorFlow's faster JPEG
    shape = [feature[f"image/{side}"].int64_list.value[0] for side in ("height", "width")]
    assert tuple(shape) == expected.shape[:2] == image_io.image_size(sample.image_path)
    if image_format == b"jpeg":
        assert encoded == content


def test_a_damaged_jpeg_does_not_enter_records(tmp_path):
    content = varieties.pillow(varieties.picture(), "JPEG")
    cut = content[:-60] + b"\xff\xd9"
    sample = _one_sample(tmp_path, "s.jpg", cut)
    with pytest.raises(image_io.ImageError, match=r"s\.jpg: the image is damaged"):
        detection_records.make_example(sample, 1, sample.regions)


def test_images_of_more_than_8_bits_enter_records_by_the_range_of_their_dataset(tmp_path):
    deep = varieties.deep(varieties.picture())
    content = varieties.tiff(deep, photometric="rgb")
    sample = _one_sample(tmp_path, "s.tif", content)
    feature = detection_records.make_example(sample, 1, sample.regions).features.feature
    decoded = tf.io.decode_image(feature["image/encoded"].bytes_list.value[0]).numpy()
    np.testing.assert_array_equal(decoded, varieties.picture())


def _another(root, names, split, fields=None):
    """A dataset folder of blank images with a region each; `fields` names what they are made of."""
    rows = ["image,group,split,origin"]
    for number, name in enumerate(names):
        image = np.full((20, 40, 3), 90 + number + len(root.name), np.uint8)
        image_io.write_png(root / "images" / f"{name}.png", image)
        mask = np.zeros((20, 40), bool)
        mask[4:10, 5:11] = True
        image_io.write_mask(root / "masks" / f"{name}.png", mask)
        rows.append(f"{name},{'bucket' if fields else name},{split},{'composed' if fields else ''}")
    (root / "images.csv").write_text("\n".join(rows))
    if fields:
        bucket = {"name": "bucket", "groups": list(fields), "images": list(fields)}
        source = {"name": "photographs", "images": fields}
        record = {"source": source, "buckets": {"bucket": bucket}}
        (root / "composed.json").write_text(json.dumps(record))
    return dataset.load_dataset(root)


def test_several_datasets_are_read_together(tmp_path):
    one = _another(tmp_path / "one", ["a", "b"], "train")
    two = _another(tmp_path / "other", ["a"], "train")
    info = detection_records.write_detection_records([one, two], tmp_path / "records", num_shards=2)
    assert info.splits["train"].num_images == 3
    assert len(info.splits["train"].images) == 3
    found = _read((tmp_path / "records").glob("train-*"))
    assert sorted(found) == [0, 1, 2]  # each image has a number of its own
    names = [found[number]["image/filename"].numpy() for number in range(3)]
    assert names == [b"a.png", b"b.png", b"a.png"]


def test_who_learns_from_composed_images_has_seen_what_they_are_made_of(tmp_path):
    """Its record holds the photographs beside the fields."""
    photographs = _another(tmp_path / "photographs", ["a", "b"], "train")
    hashes = {s.name: files.sha256_of_file(s.image_path) for s in photographs}
    fields = _another(tmp_path / "fields", ["f"], "train", fields={"b": hashes["b"]})
    info = detection_records.write_detection_records([fields], tmp_path / "records")
    field = files.sha256_of_file(tmp_path / "fields" / "images" / "f.png")
    assert info.splits["train"].num_images == 1
    assert info.splits["train"].images == tuple(sorted([hashes["b"], field]))


def test_composed_images_and_their_sources_are_in_one_split(tmp_path):
    photographs = _another(tmp_path / "photographs", ["a", "b"], "train")
    hashes = {s.name: files.sha256_of_file(s.image_path) for s in photographs}
    (tmp_path / "photographs" / "images.csv").write_text("image,group,split\na,a,train\nb,b,test")
    photographs = dataset.load_dataset(tmp_path / "photographs")
    fields = _another(tmp_path / "fields", ["f"], "train", fields={"b": hashes["b"]})
    with pytest.raises(ValueError, match=r"b\.png in 'test'.*f\.png in 'train'"):
        detection_records.write_detection_records([photographs, fields], tmp_path / "records")
