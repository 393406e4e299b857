"""Which images the cells of fields are of."""

import dataclasses
import json

import pytest

from rbc_tf.data import dataset
from rbc_tf.data.composed import dataset_writer, links
from rbc_tf.data.composed.config import ComposeConfig

_SMALL = ComposeConfig(height=240, width=320, num_buckets=2, coverage=0.25)


@pytest.fixture(scope="module")
def pair(patches, tmp_path_factory):
    root = tmp_path_factory.mktemp("out") / "composed"
    dataset_writer.compose_smears(patches, root, 4, _SMALL, num_processes=1)
    return dataset.load_dataset(patches), dataset.load_dataset(root)


def test_who_learns_from_a_field_has_seen_its_source_images(pair):
    source, composed = pair
    assert links.source_images(source) == {}
    found = links.source_images(composed)
    names = {name for images in found.values() for name in images}
    assert names == {f"{source.root.name}/{s.name}" for s in source}
    assert all(len(sha256) == 64 for images in found.values() for sha256 in images.values())


def test_the_source_images_of_each_field_are_those_of_its_bucket(pair):
    source, composed = pair
    of_bucket = links.source_images(composed)
    found = links.source_hashes(composed)
    assert set(found) == {sample.name for sample in composed}
    for sample in composed:
        assert set(found[sample.name]) == set(of_bucket[sample.group].values())
    assert links.source_hashes(source) == {}


def test_a_composed_image_of_no_bucket_is_refused_and_others_have_no_sources(pair):
    _, composed = pair
    first, *others = composed
    real = dataclasses.replace(first, origin="", group="mine")
    mixed = dataclasses.replace(composed, samples=(real, *others))
    assert set(links.source_hashes(mixed)) == {sample.name for sample in others}
    moved = dataclasses.replace(first, group="mine")
    with pytest.raises(ValueError, match=rf"{first.image_path.name}: the group.*Received: mine"):
        links.source_images(dataclasses.replace(composed, samples=(moved, *others)))


def test_a_record_without_source_images_is_refused(pair, tmp_path):
    _, composed = pair
    record = json.loads((composed.root / "composed.json").read_text())
    del record["source"]["images"]
    copy = dataclasses.replace(composed, root=tmp_path)
    (tmp_path / "composed.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="Compose them again"):
        links.source_images(copy)
