"""What belongs on one side of a division."""

import dataclasses
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbc_tf.data import dataset, one_side
from rbc_tf.data.composed import dataset_writer
from rbc_tf.data.composed.config import ComposeConfig
from tests.data.composed import made_up


def test_groups_are_joined_by_a_common_image_and_by_way_of_a_third():
    contents = {"a": {"1"}, "b": {"2"}, "c": {"3", "1"}, "d": {"4", "3"}, "e": set()}
    assert one_side.joined(contents) == {"a": "a", "b": "b", "c": "a", "d": "a", "e": "e"}


def test_what_is_met_last_joins_two_that_were_apart():
    assert one_side.joined({"a": {"1"}, "b": {"2"}, "c": {"2", "1"}}) == dict.fromkeys("abc", "a")


@given(st.lists(st.sets(st.integers(0, 12), max_size=3), max_size=12))
def test_groups_are_on_one_side_just_where_a_chain_of_images_leads_from_one_to_the_other(groups):
    contents = {place: {str(h) for h in hashes} for place, hashes in enumerate(groups)}
    found = one_side.joined(contents)
    for start in contents:
        reached, seen = {start}, set(contents[start])
        for _ in contents:
            reached |= {g for g, hashes in contents.items() if hashes & seen}
            seen = set().union(*(contents[g] for g in reached))
        assert found[start] == min(reached)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Cells, and two folders of fields composed of them that deal their groups otherwise."""
    root = tmp_path_factory.mktemp("one_side")
    source = made_up.write_source(root / "source")
    for name, buckets in (("fields", 4), ("others", 2)):
        compose = ComposeConfig(height=240, width=320, coverage=0.25, num_buckets=buckets)
        dataset_writer.compose_smears(source, root / name, buckets, compose, num_processes=1)
    return {name: root / name for name in ("source", "fields", "others")}


def _sides(*roots):
    contents = {}
    for root in roots:
        loaded = dataset.load_dataset(root)
        contents |= one_side.contents(loaded, lambda s, name=root.name: (name, s.group))
    return one_side.joined(contents)


def _number(sides):
    return len(set(sides.values()))


def test_a_field_is_with_the_groups_that_its_cells_are_of(folders):
    sides = _sides(folders["source"], folders["fields"])
    loaded = dataset.load_dataset(folders["fields"])
    assert _number(sides) == len({sample.group for sample in loaded}) == 4
    assert {name for name, _ in sides.values()} == {"source"}


def test_so_it_is_whatever_the_folders_are_called(folders, tmp_path):
    renamed = shutil.copytree(folders["source"], tmp_path / "renamed")
    assert _number(_sides(renamed, folders["fields"])) == 4


def test_fields_that_deal_the_groups_otherwise_join_more(folders):
    assert _number(_sides(folders["fields"])) == 4
    assert _number(_sides(folders["fields"], folders["others"])) == 2


def test_an_image_that_cannot_be_read_joins_nothing(folders, tmp_path):
    copy = shutil.copytree(folders["source"], tmp_path / "source")
    loaded = dataset.load_dataset(copy)
    moved = dataclasses.replace(loaded.samples[0], image_path=tmp_path / "gone.png")
    rest = dataclasses.replace(loaded, samples=(moved, *loaded.samples[1:]))
    everything = one_side.contents(loaded, lambda sample: sample.name)
    found = one_side.contents(rest, lambda sample: sample.name)
    assert found == everything | {moved.name: set()}
