"""Fields and the cells that stand in them stay together."""

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


def test_groups_of_a_bucket_and_its_fields_are_one(pair):
    source, composed = pair
    joined = links.joined_groups(pair)
    record = json.loads((composed.root / "composed.json").read_text())
    for name, bucket in record["buckets"].items():
        sides = {joined[source.root, group] for group in bucket["groups"]}
        assert sides == {joined[composed.root, name]}
    assert len({joined[composed.root, s.group] for s in composed}) == 2
    assert {(source.root, s.group) for s in source} <= set(joined)


def test_nothing_is_joined_where_nothing_is_composed(pair):
    assert links.joined_groups(pair[:1]) == {}
    assert links.source_images(pair[0]) == {}


def test_who_learns_from_a_field_has_seen_its_source_images(pair):
    source, composed = pair
    found = links.source_images(composed)
    names = {name for images in found.values() for name in images}
    assert names == {f"{source.root.name}/{s.name}" for s in source}
    assert all(len(sha256) == 64 for images in found.values() for sha256 in images.values())


def test_smears_that_deal_the_groups_otherwise_are_refused(pair, tmp_path):
    source, _ = pair
    other = dataclasses.replace(_SMALL, num_buckets=3)
    dataset_writer.compose_smears(source.root, tmp_path / "other", 3, other, num_processes=1)
    with pytest.raises(ValueError, match="deal its groups as"):
        links.joined_groups([*pair, dataset.load_dataset(tmp_path / "other")])


def test_so_they_are_where_the_source_itself_is_not_given(pair, tmp_path):
    """Buckets of both have the same names, and hold other groups."""
    source, composed = pair
    other = dataclasses.replace(_SMALL, num_buckets=3)
    dataset_writer.compose_smears(source.root, tmp_path / "other", 3, other, num_processes=1)
    with pytest.raises(ValueError, match="deal its groups as"):
        links.joined_groups([composed, dataset.load_dataset(tmp_path / "other")])
    # Dealt alike, fields of one bucket are one group.
    dataset_writer.compose_smears(source.root, tmp_path / "more", 2, _SMALL, num_processes=1)
    more = dataset.load_dataset(tmp_path / "more")
    joined = links.joined_groups([composed, more])
    for name in {sample.group for sample in composed}:
        assert joined[composed.root, name] == joined[more.root, name]


def test_the_source_images_of_each_field_are_those_of_its_bucket(pair):
    source, composed = pair
    of_bucket = links.source_images(composed)
    found = links.source_hashes(composed)
    assert set(found) == {sample.name for sample in composed}
    for sample in composed:
        assert set(found[sample.name]) == set(of_bucket[sample.group].values())
    assert links.source_hashes(source) == {}


def test_a_record_without_source_images_is_refused(pair, tmp_path):
    _, composed = pair
    record = json.loads((composed.root / "composed.json").read_text())
    del record["source"]["images"]
    copy = dataclasses.replace(composed, root=tmp_path)
    (tmp_path / "composed.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="Compose them again"):
        links.source_images(copy)
