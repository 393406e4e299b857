"""Composed smears: the light of overlapping cells, labels that hold, groups that never mix."""

import collections
import csv
import json

import cv2
import numpy as np
import pytest

from rbc_tf.core import image_io
from rbc_tf.core.types import Sample
from rbc_tf.data import dataset, regions
from rbc_tf.data.composed import buckets, dataset_writer, field, smear, source
from rbc_tf.data.composed.config import ComposeConfig
from rbc_tf.data.composed.library import Backdrop, Library
from rbc_tf.data.synthetic.placement import PlacedCell

_TYPES = ("Oval", "Elon", "Gran")
_SMALL = ComposeConfig(height=240, width=320, num_buckets=2, coverage=0.25)


def _cell(mask, passed, name="Oval"):
    shares = np.where(mask[..., None], np.float32(passed), 1).astype(np.float32)
    shares = np.broadcast_to(shares, (*mask.shape, 3))
    return source.SourceCell(mask, shares, mask.astype(np.float32), name, "a", 0.0, 0.0)


def _disc(size=21, radius=9):
    y, x = np.mgrid[:size, :size] - size // 2
    return np.hypot(y, x) <= radius


def _even(shape, level=200.0):
    return Backdrop(np.full((*shape, 3), level, np.float32), np.zeros((*shape, 3)), np.zeros(3))


def _patch(seed, transmittance, axes, centre=(30, 30), size=60, level=200):
    """uint8 [60, 60, 3] and its mask: an ellipse that lets so much light through, with grain."""
    mask = np.zeros((size, size), np.uint8)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 1, cv2.FILLED)
    soft = cv2.GaussianBlur(mask.astype(np.float64), (0, 0), 0.8)
    grain = np.random.default_rng(seed).normal(0, 0.01, (size, size))
    image = level * (1 - soft * (1 - transmittance)) * (1 + grain)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)[..., None].repeat(3, 2), mask > 0


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """A source of 36 patches: 6 groups of 2 subjects, each group with two cells of each type."""
    root = tmp_path_factory.mktemp("source")
    samples, cells = [], []
    for group in range(6):
        for number, name in enumerate(_TYPES * 2):
            image = f"g{group}_{number}"
            axes = {"Oval": (15, 14), "Elon": (20, 8), "Gran": (12, 12)}[name]
            pixels, mask = _patch(10 * group + number, 0.8, axes)
            image_io.write_png(root / "images" / f"{image}.png", pixels)
            image_io.write_mask(root / "masks" / f"{image}.png", mask)
            cells.append((image, 30, 30, name))
            path = root / "images" / f"{image}.png"
            samples.append(Sample(image, path, None, f"g{group}", subject=f"p{group % 2}"))
    with (root / "cells.csv").open("w", newline="") as file:
        csv.writer(file).writerows([dataset.CELLS_HEADER, *cells])
    dataset.write_images_table(root, samples)
    return root


@pytest.fixture(scope="module")
def composed(patches, tmp_path_factory):
    root = tmp_path_factory.mktemp("out") / "composed"
    summary = dataset_writer.compose_smears(patches, root, 8, _SMALL, seed=3, num_processes=1)
    return root, summary


def _rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class TestLight:
    def test_transmittances_multiply_where_discs_overlap(self):
        disc = _disc()
        placed = [PlacedCell(_cell(disc, 0.8), 5, 5), PlacedCell(_cell(disc, 0.5), 5, 15)]
        image = smear.render(_even((31, 41)), placed)
        assert image[15, 8].tolist() == [160, 160, 160]  # 200 * 0.8
        assert image[15, 32].tolist() == [100, 100, 100]  # 200 * 0.5
        assert image[15, 20].tolist() == [80, 80, 80]  # 200 * 0.8 * 0.5
        assert image[0, 0].tolist() == [200, 200, 200]

    def test_grain_of_the_field_stays_out_of_cells(self):
        backdrop = Backdrop(_even((31, 31)).light, np.full((31, 31, 3), 0.1), np.zeros(3))
        image = smear.render(backdrop, [PlacedCell(_cell(_disc(), 0.5), 5, 5)])
        assert image[15, 15, 0] == 100
        assert image[0, 0, 0] == 220

    def test_a_cell_cut_out_and_put_back_is_as_it_was(self, tmp_path):
        pixels, mask = _patch(0, 0.6, (15, 12))
        image_io.write_png(tmp_path / "a.png", pixels)
        image_io.write_mask(tmp_path / "mask.png", mask)
        point = dataset.Cell(30, 30, "Oval")
        sample = Sample("a", tmp_path / "a.png", tmp_path / "mask.png", "a", cells=(point,))
        (cell,) = source.read(sample, dataset.PAPER).cells
        offset = np.argwhere(cell.mask)[0] - np.argwhere(mask)[0]
        image = smear.render(_even((60, 60)), [PlacedCell(cell, *(-offset).tolist())])
        differ = np.abs(image.astype(int) - pixels)
        assert differ[mask].max() <= 3
        # Beyond the soft edge nothing of the source is left.
        far = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15))) == 0
        assert (image[far] == 200).all()

    def test_turning_keeps_area_and_light(self):
        mask = np.zeros((40, 60), bool)
        mask[10:30, 10:50] = True
        cell = _cell(mask, 0.5)
        for angle, mirrored in ((np.pi / 2, False), (0.7, True)):
            turned = cell.turned(angle, mirrored)
            assert abs(turned.mask.sum() / mask.sum() - 1) < 0.02
            inner = cv2.erode(turned.mask.astype(np.uint8), np.ones((5, 5))) > 0
            np.testing.assert_allclose(turned.passed[inner], 0.5, atol=0.01)
        assert cell.turned(np.pi / 2, False).mask.shape == (40, 20)

    def test_stain_is_matched_within_limits_and_only_where_there_is_any(self):
        own, wanted = np.array([0.2, 0.4, 0.3]), np.array([0.3, 0.4, 0.1])
        np.testing.assert_allclose(source.stain_ratio(own, wanted), [1.5, 1.0, 1 / 3])
        np.testing.assert_array_equal(source.stain_ratio(own, np.zeros(3)), np.ones(3))
        stained = _cell(_disc(), 0.5).stained(np.array([2.0, 1.0, 1.0]))
        np.testing.assert_allclose(stained.passed[10, 10], [0.25, 0.5, 0.5], atol=1e-3)


class TestField:
    def test_light_between_the_cells_is_found(self):
        y, x = np.mgrid[:300, :400]
        light = 150 + 0.1 * x + 0.05 * y
        mask = np.zeros((300, 400), bool)
        for cx, cy in np.random.default_rng(0).uniform(20, 280, (40, 2)):
            mask |= np.hypot(x - cx, y - cy) < 14
        image = np.where(mask, 0.6 * light, light)[..., None].repeat(3, 2)
        found = field.background(image.astype(np.uint8), mask)
        assert np.abs(found[20:-20, 20:-20, 0] / light[20:-20, 20:-20] - 1).max() < 0.03

    def test_grain_has_the_strength_and_correlation_of_the_source(self):
        rng = np.random.default_rng(1)
        grain = cv2.GaussianBlur(rng.normal(0, 1, (300, 300)), (0, 0), 1.2)
        grain *= 0.03 / grain.std()
        image = np.clip(np.rint(180 * (1 + grain)), 0, 255).astype(np.uint8)[..., None]
        mask = np.zeros((300, 300), bool)
        mask[100:160, 100:160] = True
        measured = field.measure_grain([(image.repeat(3, 2), mask)])
        drawn = measured.draw((300, 300), np.random.default_rng(2))[..., 0]
        assert drawn.std() == pytest.approx(grain.std(), rel=0.12)

        def neighbours(g):
            return np.corrcoef(g[:, 1:].ravel(), g[:, :-1].ravel())[0, 1]

        assert neighbours(drawn) == pytest.approx(neighbours(grain), abs=0.06)


class TestSource:
    def _read(self, tmp_path, pixels, mask):
        image_io.write_png(tmp_path / "a.png", pixels)
        image_io.write_mask(tmp_path / "mask.png", mask)
        cells = (dataset.Cell(*np.argwhere(mask)[len(np.argwhere(mask)) // 2][::-1], "Oval"),)
        sample = Sample("a", tmp_path / "a.png", tmp_path / "mask.png", "a", cells=cells)
        return source.read(sample, dataset.PAPER)

    def test_cells_cut_off_by_the_edge_are_not_used(self, tmp_path):
        read = self._read(tmp_path, *_patch(0, 0.6, (15, 12), centre=(8, 30)))
        assert (len(read.cells), read.cut) == (0, 1)

    def test_inked_cells_of_whole_fields_are_not_used(self, tmp_path):
        pixels, mask = _patch(0, 0.6, (15, 12), centre=(100, 100), size=200)
        assert len(self._read(tmp_path, pixels, mask).cells) == 1
        pixels[98:101, 95:105] = 20
        assert len(self._read(tmp_path, pixels, mask).cells) == 0

    def test_small_dark_things_clear_of_cells_are_debris(self, tmp_path):
        pixels, mask = _patch(0, 0.6, (15, 12), centre=(100, 100), size=200)
        cv2.circle(pixels, (40, 40), 5, (140, 110, 150), cv2.FILLED)
        cv2.circle(pixels, (40, 2), 5, (140, 110, 150), cv2.FILLED)  # cut off
        (piece,) = self._read(tmp_path, pixels, mask).debris
        assert (round(piece.x), round(piece.y), piece.type) == (40, 40, "")


class TestBuckets:
    def test_groups_stay_whole_and_subjects_and_splits_apart(self, patches):
        loaded = dataset.load_dataset(patches)
        dealt = buckets.deal(loaded, ComposeConfig(num_buckets=4))
        assert sorted(g for b in dealt for g in b.groups) == [f"g{k}" for k in range(6)]
        subject_of = {s.group: s.subject for s in loaded}
        for bucket in dealt:
            assert {subject_of[group] for group in bucket.groups} == {bucket.subject}
        by_subject = buckets.deal(loaded, ComposeConfig(buckets_by="subject"))
        assert [b.groups for b in by_subject] == [("g0", "g2", "g4"), ("g1", "g3", "g5")]

    def test_impossible_buckets_are_refused(self, patches):
        loaded = dataset.load_dataset(patches)
        with pytest.raises(ValueError, match="7 buckets of 6 groups"):
            buckets.deal(loaded, ComposeConfig(num_buckets=7))
        with pytest.raises(ValueError, match="-1"):
            ComposeConfig(region_shares=(1, -1))


class TestDataset:
    def test_it_is_named_as_composed(self, composed):
        root, summary = composed
        loaded = dataset.load_dataset(root, check_pixels=True)
        assert loaded.origins == ("composed",)
        assert len(loaded) == summary.images == 8
        assert all(sample.fully_labelled for sample in loaded)

    def test_regions_of_the_masks_are_what_was_placed(self, composed):
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

    def test_shares_are_as_asked(self, composed):
        _, summary = composed
        single = summary.regions[1] / sum(summary.regions.values())
        assert single == pytest.approx(1080 / (1080 + 1389), abs=0.03)
        assert summary.pairs_missed == ()
        assert set(summary.pairs) == {"Elon;Gran", "Elon;Oval", "Gran;Oval"}

    def test_no_source_image_is_in_two_groups(self, composed, patches):
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

    def test_points_lie_on_the_mask_and_sources_agree(self, composed, patches):
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

    def test_the_same_seed_makes_the_same_files(self, composed, patches, tmp_path):
        root, _ = composed
        dataset_writer.compose_smears(patches, tmp_path / "two", 8, _SMALL, 3, num_processes=2)
        dataset_writer.compose_smears(patches, tmp_path / "other", 8, _SMALL, 4, num_processes=1)
        for path in [*sorted(root.rglob("*.png")), root / "cells.csv"]:
            assert path.read_bytes() == (tmp_path / "two" / path.relative_to(root)).read_bytes()
        assert (root / "cells.csv").read_bytes() != (tmp_path / "other/cells.csv").read_bytes()

    def test_what_is_no_source_is_refused(self, composed, patches, tmp_path):
        root, _ = composed
        with pytest.raises(ValueError, match="composed"):
            dataset_writer.compose_smears(root, tmp_path / "out", 2, _SMALL)
        with pytest.raises(ValueError, match=r"num_images.*0"):
            dataset_writer.compose_smears(patches, tmp_path / "out", 0, _SMALL)
        with pytest.raises(ValueError, match="holds other files"):
            dataset_writer.compose_smears(patches, patches, 2, _SMALL)

    def test_mask_is_the_union_of_the_placed_cells(self, patches):
        loaded = dataset.load_dataset(patches)
        library = Library(list(loaded), loaded.cell_types)
        composed = smear.compose(library, _SMALL, 0, np.random.default_rng(0))
        again = smear.compose(library, _SMALL, 0, np.random.default_rng(0))
        np.testing.assert_array_equal(composed.image, again.image)
        # Cells let 0.8 of the light through, two of them 0.64; the field is at 200, unevenly lit.
        dark = cv2.GaussianBlur(composed.image[..., 0], (0, 0), 1.0) < 180
        assert np.count_nonzero(dark ^ composed.mask) < 0.03 * composed.mask.sum()
