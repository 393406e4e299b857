"""Patches of several datasets together."""

import dataclasses
import shutil

import numpy as np
import pytest

from rbc_tf.core.cell_types import CellType, CellTypes
from rbc_tf.data import dataset
from rbc_tf.data.composed import dataset_writer
from rbc_tf.data.composed.config import ComposeConfig
from rbc_tf.features.collect_patches import CollectionConfig, collect_patches, collect_splits
from rbc_tf.features.crops import CropConfig
from tests import builders
from tests.data.composed import made_up

CROP = CropConfig("letterbox", 32)
OTHER_TYPES = CellTypes((CellType("Target", "Target cell", True), CellType("Oval", "Oval", False)))


def write(folder, seed, regions, cell_types=None):
    builders.write_dataset(
        folder,
        {"a": builders.noise_image(50, 60, seed)},
        splits=[("a", "one", "train")],
        regions=regions,
    )
    if cell_types:
        cell_types.save(folder / "cell_types.yaml")
    return folder


@pytest.fixture
def folders(tmp_path):
    first = write(tmp_path / "first", 0, [("a", (0, 0, 20, 30), "Elon", 1, True)])
    second = write(
        tmp_path / "second", 1, [("a", (5, 5, 45, 45), "Oval;Target", 2, True)], OTHER_TYPES
    )
    return first, second


def test_types_are_the_union_and_what_a_dataset_does_not_know_is_unknown(folders):
    archive = collect_patches(folders, CollectionConfig(CROP, regions="all"))
    names = ["Oval", "Elon", "Reti", "Gran", "Echi", "Stom", "Target"]
    assert archive.about["types"] == names
    assert archive.labels.tolist() == [[0, 1, 0, 0, 0, 0, -1], [1, -1, -1, -1, -1, -1, 1]]
    assert archive.images.tolist() == ["first/a", "second/a"]
    assert archive.groups.tolist() == ["first/one", "second/one"]
    assert archive.num_cells.tolist() == [1, 2]
    assert set(archive.about["image_hashes"]) == {"first/a", "second/a"}
    assert [t["abnormal"] for t in archive.about["cell_types"]] == [False] + [True] * 6
    single = collect_patches(folders[:1], CollectionConfig(CROP))
    assert single.images.tolist() == ["a"]
    np.testing.assert_array_equal(single.patches[0], archive.patches[0])


def test_unlabelled_regions_are_taken_where_that_is_asked_for(tmp_path):
    boxes = [("a", (0, 0, 20, 30), "Elon", 1, True), ("a", (25, 5, 45, 40), "", 1, False)]
    boxes.append(("a", (25, 45, 45, 58), "", 1, True))  # says that all of nothing is known
    folder = write(tmp_path / "first", 0, boxes)
    assert len(collect_patches([folder], CollectionConfig(CROP, regions="all"))) == 1
    archive = collect_patches([folder], CollectionConfig(CROP, regions="also_unlabelled"))
    assert archive.labels.tolist() == [[0, 1, 0, 0, 0, 0], [-1] * 6, [-1] * 6]


def test_unlabelled_regions_are_trained_on_and_nothing_is_scored_on_them(tmp_path):
    labelled, unlabelled = (0, 0, 20, 30), (25, 5, 45, 40)
    folder = builders.write_dataset(
        tmp_path / "both",
        {name: builders.noise_image(50, 60, seed) for seed, name in enumerate("ab")},
        splits=[("a", "one", "train"), ("b", "two", "validation")],
        regions=[
            row
            for name in "ab"
            for row in ((name, labelled, "Elon", 1, True), (name, unlabelled, "", 1, True))
        ],
    )
    config = CollectionConfig(CROP, ("train", "validation"), "also_unlabelled")
    archives = collect_splits([folder], config)
    assert list(archives) == ["train", "validation"]
    assert archives["train"].boxes.tolist() == [list(labelled), list(unlabelled)]
    assert archives["validation"].boxes.tolist() == [list(labelled)]
    assert set(archives["validation"].seen_images) == {"b"}


def test_a_split_to_be_scored_on_has_labels(tmp_path):
    regions = [("a", (0, 0, 20, 30), "Elon", 1, True), ("b", (0, 0, 20, 30), "", 1, True)]
    folder = builders.write_dataset(
        tmp_path / "both",
        {name: builders.noise_image(50, 60, seed) for seed, name in enumerate("ab")},
        splits=[("a", "one", "train"), ("b", "two", "validation")],
        regions=regions,
    )
    config = CollectionConfig(CROP, ("train", "validation"), "also_unlabelled")
    with pytest.raises(ValueError, match="'validation' must have labelled regions"):
        collect_splits([folder], config)


def test_a_type_cannot_be_normal_here_and_abnormal_there(folders, tmp_path):
    abnormal = CellTypes((CellType("Oval", "Oval", True),))
    third = write(tmp_path / "third", 2, [("a", (0, 0, 20, 30), "Oval", 1, True)], abnormal)
    with pytest.raises(ValueError, match="Oval must be normal or abnormal"):
        collect_patches([folders[0], third], CollectionConfig(CROP))


def test_folders_of_one_name_are_refused(folders, tmp_path):
    same = write(tmp_path / "x" / "first", 2, [("a", (0, 0, 20, 30), "Oval", 1, True)])
    with pytest.raises(ValueError, match="different names"):
        collect_patches([folders[0], same], CollectionConfig(CROP))


def test_subjects_must_be_known_to_be_kept_apart(folders):
    with pytest.raises(ValueError, match="subject is required"):
        collect_patches(folders[:1], CollectionConfig(CROP, group_by="subject"))


def test_fields_are_on_the_side_of_the_subject_that_their_cells_are_of(tmp_path):
    """And so they are where groups are kept apart: each field with the groups of its bucket."""
    source = made_up.write_source(tmp_path / "source")
    compose = ComposeConfig(height=240, width=320, coverage=0.25, buckets_by="subject")
    dataset_writer.compose_smears(source, tmp_path / "fields", 4, compose, num_processes=1)
    both = [source, tmp_path / "fields"]
    for group_by in ("subject", "group"):
        config = CollectionConfig(CROP, regions="all", group_by=group_by)
        archive = collect_patches(both, config)
        sides = [set(archive.groups[rows]) for rows in (archive.composed, ~archive.composed)]
        assert sides[0] == sides[1]
        assert len(sides[0]) == 2
        # Who learns from a field has seen the images of its subject, and no others.
        for side in sides[0]:
            rows = archive.select(archive.groups == side)
            real = rows.select(~rows.composed)
            fields = rows.select(rows.composed)
            assert set(real.seen_images.values()) <= set(fields.seen_images.values())
            assert len(fields.seen_images) < len(archive.seen_images)


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    """A source and fields composed of it, in two buckets for each subject."""
    root = tmp_path_factory.mktemp("fields")
    source = made_up.write_source(root / "source")
    compose = ComposeConfig(height=240, width=320, coverage=0.25, num_buckets=4)
    dataset_writer.compose_smears(source, root / "fields", 4, compose, num_processes=1)
    return source, root / "fields"


@pytest.mark.parametrize("group_by", ["group", "subject"])
def test_fields_and_what_they_are_composed_of_are_known_by_content(fields, tmp_path, group_by):
    """Under another name, or with other groups, cells would else be on both sides."""
    source, composed = fields
    config = CollectionConfig(CROP, regions="all", group_by=group_by)
    sides = set(collect_patches([source, composed], config).groups)
    assert len(sides) == {"group": 4, "subject": 2}[group_by]
    renamed = shutil.copytree(source, tmp_path / "renamed")
    found = collect_patches([renamed, composed], config)
    assert set(found.groups) == {f"renamed/{side.removeprefix('source/')}" for side in sides}
    assert set(found.groups[found.composed]) == set(found.groups[~found.composed])
    regrouped = shutil.copytree(source, tmp_path / "source")
    table = (regrouped / "images.csv").read_text().replace("g0_0,g0,", "g0_0,g1,")
    (regrouped / "images.csv").write_text(table.replace("p0", "p").replace("p1", "p"))
    joined = collect_patches([regrouped, composed], config)
    assert len(set(joined.groups)) < len(sides)


def test_copies_of_an_image_are_in_one_group_and_in_one_split(tmp_path):
    image, box = builders.noise_image(50, 60, 1), (0, 0, 20, 30)

    def write_copies(folder, splits):
        return builders.write_dataset(
            folder,
            {"a": image, "b": image, "c": builders.noise_image(50, 60, 2)},
            splits=[(name, name.upper(), split) for name, split in zip("abc", splits, strict=True)],
            regions=[(name, box, "Elon", 1, True) for name in "abc"],
        )

    config = CollectionConfig(CROP)
    archive = collect_patches([write_copies(tmp_path / "one", ["train"] * 3)], config)
    assert archive.groups.tolist() == ["A", "A", "C"]
    apart = write_copies(tmp_path / "two", ["train", "test", "test"])
    # Folds that are dealt by group do not mind; splits would have one image on both sides.
    assert collect_patches([apart], config).groups.tolist() == ["A", "A", "C"]
    splits = dataclasses.replace(config, splits=("train", "test"))
    with pytest.raises(ValueError, match=r"copies of it.*a in 'train' and b in 'test'"):
        collect_splits([apart], splits)


def test_copies_of_images_that_do_not_take_part_join_groups_too(tmp_path):
    image, box = builders.noise_image(50, 60, 1), (0, 0, 20, 30)
    folder = builders.write_dataset(
        tmp_path / "one",
        {"a1": image, "a2": builders.noise_image(50, 60, 2), "b1": image, "b2": image[::-1]},
        splits=[("a1", "A", ""), ("a2", "A", ""), ("b1", "B", ""), ("b2", "B", "")],
        # Of two cells, where single cells are asked for.
        regions=[
            (name, box, "Elon", 2 - int(name[1]) // 2, True) for name in ("a1", "a2", "b1", "b2")
        ],
    )
    assert collect_patches([folder], CollectionConfig(CROP)).groups.tolist() == ["A", "A"]


def _with_splits(source, target):
    """A copy of a source in which the first group of each subject is 'train', the others 'test'."""
    folder = shutil.copytree(source, target)
    loaded = dataset.load_dataset(folder)
    first = {s.subject: s.group for s in sorted(loaded, key=lambda s: s.group, reverse=True)}
    moved = [
        dataclasses.replace(s, split="train" if s.group == first[s.subject] else "test")
        for s in loaded
    ]
    dataset.write_images_table(folder, moved)
    return folder


def test_a_subject_may_have_groups_in_several_splits_where_folds_are_dealt(fields, tmp_path):
    source = _with_splits(fields[0], tmp_path / "source")
    archive = collect_patches([source], CollectionConfig(CROP, group_by="subject"))
    assert set(archive.splits) == {"train", "test"}
    assert len(set(archive.groups)) == 2


def test_fields_of_different_images_of_a_subject_are_on_its_side(fields, tmp_path):
    """As where fields of the splits were composed apart: they have no image in common."""
    source = _with_splits(fields[0], tmp_path / "source")
    compose = ComposeConfig(height=240, width=320, coverage=0.25, num_buckets=2)
    folders = []
    for split in ("train", "test"):
        folders.append(tmp_path / f"of_{split}")
        dataset_writer.compose_smears(
            source, folders[-1], 2, compose, splits=(split,), num_processes=1
        )
    by_subject = CollectionConfig(CROP, regions="all", group_by="subject")
    assert len(set(collect_patches(folders, by_subject).groups)) == 2
    by_group = CollectionConfig(CROP, regions="all")
    assert len(set(collect_patches(folders, by_group).groups)) == 4


def test_fields_are_in_the_split_of_what_they_are_composed_of(fields, tmp_path):
    source, composed = fields
    splits = ("train", "test")
    both = [shutil.copytree(folder, tmp_path / folder.name) for folder in (source, composed)]
    for folder, split in zip(both, splits, strict=True):
        loaded = dataset.load_dataset(folder)
        moved = [dataclasses.replace(sample, split=split) for sample in loaded]
        dataset.write_images_table(folder, moved)
    config = CollectionConfig(CROP, splits, "all")
    with pytest.raises(ValueError, match=r"must be in one split.* in 'train' and .* in 'test'"):
        collect_splits(both, config)


def test_of_fields_of_two_folders_all_sources_are_known(fields, tmp_path):
    """Where the folders take cells of different subjects, each knows its own."""
    source = shutil.copytree(fields[0], tmp_path / "source")
    compose = ComposeConfig(height=240, width=320, coverage=0.25, num_buckets=2)
    folders = []
    for split in ("train", "test"):
        subject = {"train": "p0", "test": "p1"}[split]
        loaded = dataset.load_dataset(source)
        moved = [
            dataclasses.replace(sample, split=split if sample.subject == subject else "")
            for sample in loaded
        ]
        dataset.write_images_table(source, moved)
        folder = tmp_path / split
        dataset_writer.compose_smears(source, folder, 2, compose, num_processes=1, splits=(split,))
        folders.append(folder)
    archive = collect_patches(folders, CollectionConfig(CROP, regions="all"))
    # Both call their bucket composed_001: its name does not make them one.
    assert len(set(archive.groups)) == len(archive.about["sources"])
    seen = {name for name in archive.seen_images if name.startswith("source/")}
    assert seen == {f"source/{sample.name}" for sample in dataset.load_dataset(source)}
