"""Composed datasets: labels that hold, groups that never mix."""

import collections
import csv
import json

import pytest

from rbc_tf.core import image_io
from rbc_tf.data import dataset, regions
from rbc_tf.data.composed import dataset_writer
from rbc_tf.data.composed.config import ComposeConfig

_SMALL = ComposeConfig(height=240, width=320, num_buckets=2, coverage=0.25)


@pytest.fixture(scope="module")
def composed(patches, tmp_path_factory):
    root = tmp_path_factory.mktemp("out") / "composed"
    summary = dataset_writer.compose_smears(patches, root, 8, _SMALL, seed=3, num_processes=1)
    return root, summary


def _rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_is_named_as_composed(composed):
    root, summary = composed
    loaded = dataset.load_dataset(root, check_pixels=True)
    assert loaded.origins == ("composed",)
    assert len(loaded) == summary.images == 8
    assert all(sample.fully_labelled for sample in loaded)


def test_regions_of_the_masks_are_what_was_placed(composed):
    root, summary = composed
    found, placed = collections.Counter(), collections.Counter()
    for sample in dataset.load_dataset(root):
        of_image = regions.find_regions(sample)
        assert all(region.complete for region in of_image)
        assert sum(region.num_cells for region in of_image) == len(sample.cells)
        found.update(region.num_cells for region in of_image)
        placed.update(cell.type for cell in sample.cells)
    assert dict(found) == summary.regions
    assert dict(placed) == summary.cells


def test_shares_are_as_asked(composed):
    _, summary = composed
    single = summary.regions[1] / sum(summary.regions.values())
    assert single == pytest.approx(1080 / (1080 + 1389), abs=0.03)
    assert summary.pairs_missed == ()
    assert set(summary.pairs) == {"Elon;Gran", "Elon;Oval", "Gran;Oval"}


def test_no_source_image_is_in_two_groups(composed, patches):
    root, _ = composed
    group_of = {sample.name: sample.group for sample in dataset.load_dataset(root)}
    source_group = {sample.name: sample.group for sample in dataset.load_dataset(patches)}
    record = json.loads((root / "composed.json").read_text())
    groups = collections.defaultdict(set)
    for row in _rows(root / "sources.csv"):
        groups[row["source_image"]].add(group_of[row["image"]])
        bucket = record["buckets"][group_of[row["image"]]]
        assert source_group[row["source_image"]] in bucket["groups"]
    assert all(len(names) == 1 for names in groups.values())
    assert len(set.union(*groups.values())) == 2


def test_points_lie_on_the_mask_and_sources_agree(composed, patches):
    root, _ = composed
    types = {s.name: s.cells[0].type for s in dataset.load_dataset(patches)}
    for sample in dataset.load_dataset(root):
        mask = image_io.read_mask(sample.mask_path)
        assert all(mask[int(cell.y), int(cell.x)] for cell in sample.cells)
    rows = _rows(root / "sources.csv")
    assert [tuple(r.values())[:4] for r in rows] == [
        tuple(r.values()) for r in _rows(root / "cells.csv")
    ]
    assert all(types[row["source_image"]] == row["type"] for row in rows)


def test_the_same_seed_makes_the_same_files(composed, patches, tmp_path):
    root, _ = composed
    dataset_writer.compose_smears(patches, tmp_path / "two", 8, _SMALL, 3, num_processes=2)
    dataset_writer.compose_smears(patches, tmp_path / "other", 8, _SMALL, 4, num_processes=1)
    for path in [*sorted(root.rglob("*.png")), root / "cells.csv"]:
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(root)).read_bytes()
    assert (root / "cells.csv").read_bytes() != (tmp_path / "other/cells.csv").read_bytes()


def test_what_is_no_source_is_refused(composed, patches, tmp_path):
    root, _ = composed
    with pytest.raises(ValueError, match="composed"):
        dataset_writer.compose_smears(root, tmp_path / "out", 2, _SMALL)
    with pytest.raises(ValueError, match=r"num_images.*0"):
        dataset_writer.compose_smears(patches, tmp_path / "out", 0, _SMALL)
    with pytest.raises(ValueError, match="holds other files"):
        dataset_writer.compose_smears(patches, patches, 2, _SMALL)
