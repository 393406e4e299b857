"""Synthetic smears: what they promise to whoever trains or tests on them."""

import collections
import csv
import dataclasses
import json
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

from rbc_tf.core import cell_types, config
from rbc_tf.data.synthetic import (
    SmearConfig,
    cells,
    clusters,
    debris,
    optics,
    render_smear,
    write_dataset,
)
from rbc_tf.data.synthetic.canvas import Canvas
from rbc_tf.data.synthetic.scene import draw_scene
from rbc_tf.data.synthetic.smear import smear_cells

SMALL = SmearConfig(height=300, width=400, num_cells=16, cell_diameter=40.0)
TINY = SmearConfig(height=96, width=128, num_cells=5, cell_diameter=30.0)


def components(mask):
    """Number of connected regions and the int32 [H, W] map of them, 0 on background."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return count - 1, labels


def read_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def only(type_name):
    """Shares that leave one type."""
    return tuple(float(name == type_name) for name in cell_types.PAPER.names)


class TestRenderSmear:
    def test_same_seed_gives_the_same_smear(self):
        first, second = render_smear(SMALL, 7), render_smear(SMALL, 7)
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.mask, second.mask)
        assert first.cells == second.cells

    def test_other_seed_gives_other_cells_and_another_picture(self):
        first, second = render_smear(SMALL, 7), render_smear(SMALL, 8)
        assert first.cells != second.cells
        assert not np.array_equal(first.image, second.image)

    def test_slide_seed_changes_stain_and_light(self):
        means = [render_smear(TINY, 1, slide).image.mean(axis=(0, 1)) for slide in (1, 2)]
        assert np.abs(means[0] - means[1]).max() > 1.0

    def test_slide_seed_is_the_seed_where_not_given(self):
        np.testing.assert_array_equal(render_smear(TINY, 3).image, render_smear(TINY, 3, 3).image)

    @pytest.mark.parametrize(("height", "width"), [(300, 400), (97, 61), (61, 97), (151, 60)])
    def test_shapes_and_dtypes(self, height, width):
        smear = render_smear(SmearConfig(height=height, width=width), 0)
        assert smear.image.shape == (height, width, 3)
        assert smear.image.dtype == np.uint8
        assert smear.mask.shape == (height, width)
        assert smear.mask.dtype == bool
        assert len(smear.cells) >= 1

    @pytest.mark.parametrize("seed", range(6))
    def test_points_lie_well_inside_the_mask(self, seed):
        smear = render_smear(SMALL, seed)
        for cell in smear.cells:
            # Inside the image: an index out of range would raise; a negative one is refused here.
            assert cell.x >= 2
            assert cell.y >= 2
            y, x = int(cell.y), int(cell.x)
            assert smear.mask[y - 1 : y + 2, x - 1 : x + 2].all()

    @pytest.mark.parametrize("seed", range(6))
    def test_every_region_has_a_cell(self, seed):
        smear = render_smear(SMALL, seed)
        count, labels = components(smear.mask)
        assert {labels[int(c.y), int(c.x)] for c in smear.cells} == set(range(1, count + 1))

    def test_no_cells(self):
        smear = render_smear(dataclasses.replace(TINY, num_cells=0), 0)
        assert smear.cells == ()
        assert not smear.mask.any()
        assert smear.image.shape == (96, 128, 3)

    def test_cells_are_darker_than_the_background(self):
        smear = render_smear(SMALL, 0)
        green = smear.image[..., 1].astype(float)
        assert green[smear.mask].mean() < 0.9 * green[~smear.mask].mean()

    def test_number_of_cells_is_about_what_was_asked_for(self):
        counts = [len(smear_cells(SMALL, seed)) for seed in range(12)]
        # Each is drawn from a normal of deviation 0.12 * 16; their mean deviates by 0.6.
        assert 13 < np.mean(counts) < 18

    def test_coverage_bounds_the_number_of_cells(self):
        smear = render_smear(dataclasses.replace(SMALL, num_cells=5000), 0)
        assert 0.15 < smear.mask.mean() < 0.4

    def test_smear_cells_are_those_of_the_rendered_smear(self):
        assert smear_cells(SMALL, 5, 2) == render_smear(SMALL, 5, 2).cells

    def test_all_types_occur(self):
        found = {cell.type for seed in range(6) for cell in smear_cells(SMALL, seed)}
        assert found == set(cell_types.PAPER.names)

    def test_type_shares_are_kept(self):
        shares = dataclasses.replace(SMALL, type_shares=only("Stom"))
        assert {cell.type for cell in smear_cells(shares, 0)} == {"Stom"}

    def test_negative_seed(self):
        with pytest.raises(ValueError, match=r"`seed` must be an integer"):
            render_smear(TINY, -1)


class TestScene:
    @pytest.mark.parametrize("seed", range(6))
    def test_regions_are_the_connected_components(self, seed):
        scene = draw_scene(SMALL, 40.0, np.random.default_rng(seed))
        assert components(scene.mask)[0] == scene.num_regions

    @pytest.mark.parametrize("seed", range(6))
    def test_each_point_is_its_cell_alone(self, seed):
        scene = draw_scene(SMALL, 40.0, np.random.default_rng(seed))
        for placed, cell in zip(scene.placed, scene.cells(), strict=True):
            assert cell.type == placed.cell.type
            y, x = int(cell.y), int(cell.x)
            assert placed.cell.mask[y - placed.top, x - placed.left]
            assert scene.coverage[y, x] == 1

    def test_without_clusters_every_cell_is_a_region(self):
        alone = dataclasses.replace(SMALL, cluster_share=0.0)
        scene = draw_scene(alone, 40.0, np.random.default_rng(0))
        assert scene.num_regions == len(scene.placed)
        assert scene.coverage.max() == 1

    def test_share_and_size_of_clusters(self):
        sizes = collections.Counter()
        mixed = []
        for seed in range(12):
            scene = draw_scene(SMALL, 40.0, np.random.default_rng(seed))
            _, labels = components(scene.mask)
            by_region = collections.defaultdict(list)
            for cell in scene.cells():
                by_region[labels[int(cell.y), int(cell.x)]].append(cell.type)
            sizes.update(len(types) for types in by_region.values())
            mixed += [len(set(types)) > 1 for types in by_region.values() if len(types) > 1]
        assert set(sizes) <= {1, 2, 3, 4}
        # Some 130 regions with a share of 0.65: the deviation is 0.04.
        assert 0.5 < sizes[1] / sizes.total() < 0.8
        assert np.mean(mixed) > 0.5

    def test_regions_keep_clear_of_one_another(self):
        scene = draw_scene(SMALL, 40.0, np.random.default_rng(1))
        # A gap is at least 3 pixels: grown by one pixel, regions still do not meet.
        grown = cv2.dilate(scene.mask.astype(np.uint8), np.ones((3, 3), np.uint8))
        assert components(grown)[0] == scene.num_regions
        assert not (scene.clear & scene.mask).any()

    def test_border_cuts_some_cells(self):
        masks = [draw_scene(SMALL, 40.0, np.random.default_rng(seed)).mask for seed in range(4)]
        assert any(mask[[0, -1]].any() or mask[:, [0, -1]].any() for mask in masks)


class TestClusters:
    @pytest.mark.parametrize("overlap_share", [0.0, 1.0])
    def test_joined_cells_are_one_component_and_told_apart(self, overlap_share):
        rng = np.random.default_rng(0)
        for _ in range(40):
            drawn = [cells.draw_cell(name, 24.0, rng) for name in ("Oval", "Elon", "Elon", "Echi")]
            cluster = clusters.join(drawn, overlap_share, rng)
            assert components(cluster.coverage > 0)[0] == 1
            assert len(cluster.cells) > 1
            assert all(cluster.own_share(c) >= clusters.MIN_OWN_SHARE for c in cluster.cells)

    def test_overlapping_cells_share_more_than_touching_ones(self):
        shared = {}
        for overlap_share in (0.0, 1.0):
            rng = np.random.default_rng(0)
            joined = [
                clusters.join(
                    [cells.draw_cell("Oval", 40.0, rng) for _ in "ab"], overlap_share, rng
                )
                for _ in range(10)
            ]
            shared[overlap_share] = np.mean([(c.coverage > 1).sum() for c in joined])
        # A disc of 40 pixels has some 1260; a contact of two pixels' depth shares under 40.
        assert 0 < shared[0.0] < 60
        assert shared[1.0] > 100

    def test_thin_cells_do_not_pass_through_one_another(self):
        def bar(row):
            mask = np.zeros((50, 50), dtype=bool)
            mask[row : row + 2, 5:45] = True
            return cells.DrawnCell("Elon", mask, mask.astype(float), np.zeros(mask.shape))

        # The first lies off the middle of its canvas, as a sickle does. Pushed up to
        # 0.42 * sqrt(80) = 3.8 pixels deep, the second would leave its 2 pixels again.
        for seed in range(40):
            cluster = clusters.join([bar(4), bar(24)], 1.0, np.random.default_rng(seed))
            assert components(cluster.coverage > 0)[0] == 1

    def test_one_cell(self):
        cell = cells.draw_cell("Oval", 40.0, np.random.default_rng(0))
        cluster = clusters.join([cell], 0.5, np.random.default_rng(0))
        np.testing.assert_array_equal(cluster.coverage > 0, cell.mask)


class TestCells:
    @pytest.mark.parametrize("diameter", [12.0, 30.0, 60.0])
    @pytest.mark.parametrize("name", cell_types.PAPER.names)
    def test_one_piece_of_about_the_right_size(self, name, diameter):
        for seed in range(5):
            cell = cells.draw_cell(name, diameter, np.random.default_rng(seed))
            assert cell.type == name
            assert components(cell.mask)[0] == 1
            # Sickles are thin: some quarter of a disc; the largest cells are 1.6 discs.
            relative_area = cell.mask.sum() / (np.pi / 4 * diameter**2)
            assert 0.15 < relative_area < 2.0
            border = np.ones_like(cell.mask)
            border[1:-1, 1:-1] = False
            assert not (cell.mask & border).any()
            # What a cell's canvas does not show must be clear, or its frame would be seen.
            assert np.abs(cell.haemoglobin[border]).max() < 0.02
            assert np.abs(cell.basophilia[border]).max() < 0.02

    def test_only_reticulocytes_and_granular_cells_take_the_blue_dye(self):
        blue = {
            name: cells.draw_cell(name, 40.0, np.random.default_rng(0)).basophilia.max()
            for name in cell_types.PAPER.names
        }
        assert {name for name, most in blue.items() if most > 0.05} == {"Reti", "Gran"}

    def test_elongated_cells_are_longer_than_ovals(self):
        def aspect(name, seed):
            mask = cells.draw_cell(name, 60.0, np.random.default_rng(seed)).mask
            (_, size, _) = cv2.minAreaRect(np.argwhere(mask).astype(np.float32))
            return max(size) / min(size)

        means = {n: np.mean([aspect(n, seed) for seed in range(10)]) for n in ("Elon", "Oval")}
        assert means["Elon"] > 1.7
        assert means["Oval"] < 1.4

    def test_outlines_of_echinocytes_are_less_convex(self):
        def solidity(name, seed):
            mask = cells.draw_cell(name, 60.0, np.random.default_rng(seed)).mask
            hull = cv2.convexHull(np.argwhere(mask).astype(np.int32))
            return mask.sum() / cv2.contourArea(hull)

        # Single ones may be nearly smooth, so that means are compared.
        means = {n: np.mean([solidity(n, seed) for seed in range(10)]) for n in ("Echi", "Oval")}
        assert means["Echi"] < means["Oval"] - 0.02

    def test_unknown_type(self):
        with pytest.raises(ValueError, match=r"`type_name` .* Received: 'Oct'"):
            cells.draw_cell("Oct", 60.0, np.random.default_rng(0))


class TestCanvas:
    @pytest.mark.parametrize("angle", [0.0, 0.7, 2.0, 4.5])
    def test_coordinates_turn_with_the_outline(self, angle):
        # A bar of 40 x 10 pixels: whatever its angle, |u| reaches 20 and |v| 5.
        bar = np.float32([[-20, -5], [20, -5], [20, 5], [-20, 5]])
        canvas = Canvas.of_outline(bar, angle, margin=3)
        assert canvas.mask.sum() == pytest.approx(400, rel=0.2)
        assert np.abs(canvas.u[canvas.mask]).max() == pytest.approx(20, abs=1.5)
        assert np.abs(canvas.v[canvas.mask]).max() == pytest.approx(5, abs=1.5)
        assert canvas.depth.max() == pytest.approx(5, abs=1.5)
        assert not canvas.depth[~canvas.mask].any()


class TestDebris:
    def test_platelets_keep_off_the_cells(self):
        many = dataclasses.replace(SMALL, platelets_per_cell=20.0)
        scene = draw_scene(many, 40.0, np.random.default_rng(0))
        dyes = np.zeros((2, 300, 400), dtype=np.float32)
        debris.add_platelets(*dyes, scene, many, 40.0, np.random.default_rng(0))
        assert (dyes[:, ~scene.mask].max(axis=1) > 0.1).all()
        assert not dyes[:, scene.mask].any()

    def test_debris_is_no_cell(self):
        dirty = dataclasses.replace(TINY, debris_per_cell=5.0, platelets_per_cell=2.0)
        clean = dataclasses.replace(TINY, debris_per_cell=0.0, platelets_per_cell=0.0)
        first, second = render_smear(dirty, 1), render_smear(clean, 1)
        np.testing.assert_array_equal(first.mask, second.mask)
        assert first.cells == second.cells
        assert not np.array_equal(first.image, second.image)


class TestOptics:
    def test_overlap_is_darker_than_a_single_cell_and_multiplies(self):
        slide = dataclasses.replace(
            optics.draw_slide(np.random.default_rng(0)),
            falloff=0.0, tilt=np.zeros(2, np.float32), plasma=0.0, noise=0.0,
        )  # fmt: skip
        dye = np.zeros((60, 90), dtype=np.float32)
        dye[:, 30:] = 0.5
        dye[:, 60:] = 1.0
        picture = optics.photograph(slide, dye, np.zeros_like(dye), 1.0, np.random.default_rng(0))
        empty, single, double = (picture[30, x].astype(float) for x in (10, 45, 80))
        assert (double < single - 5).all()
        assert (single < empty - 5).all()
        # Beer-Lambert: T(2d) = T(d)^2; rounding to 8 bits leaves about 1 %.
        np.testing.assert_allclose(double / empty, (single / empty) ** 2, rtol=0.02)

    def test_noise_grows_with_light(self):
        slide = dataclasses.replace(
            optics.draw_slide(np.random.default_rng(0)), noise=4.0, falloff=0.0, plasma=0.0
        )
        dye = np.zeros((80, 80), dtype=np.float32)
        deviations = [
            optics.photograph(slide, dye + d, dye, 1.0, np.random.default_rng(1))[..., 1].std()
            for d in (0.0, 4.0)
        ]
        assert deviations[0] > 1.5 * deviations[1] > 0


class TestSmearConfig:
    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("height", 59, "must be an integer of at least 60. Received: 59"),
            ("width", 640.0, "must be an integer of at least 60. Received: 640.0"),
            ("num_cells", -1, "must be an integer of at least 0. Received: -1"),
            ("num_cells", True, "must be an integer of at least 0. Received: True"),
            ("cell_diameter", 5.0, "must be a number at least 12. Received: 5.0"),
            ("cell_diameter", float("nan"), "must be a number at least 12. Received: nan"),
            ("cluster_share", 1.5, "must be a number from 0 to 1. Received: 1.5"),
            ("overlap_share", -0.1, "must be a number from 0 to 1. Received: -0.1"),
            ("max_coverage", 0.9, "must be a number from 0 to 0.5. Received: 0.9"),
            ("platelets_per_cell", -1, "must be a number at least 0. Received: -1"),
            ("debris_per_cell", "few", "must be a number at least 0. Received: 'few'"),
            ("type_shares", (1.0,), "must be a tuple of 6 non-negative numbers"),
            ("type_shares", (0.0,) * 6, "not all zero"),
            ("type_shares", (1.0,) * 5 + (-1.0,), "must be a tuple of 6 non-negative numbers"),
        ],
    )
    def test_refused(self, name, value, message):
        with pytest.raises(ValueError, match=f"`{name}` .*{message}"):
            SmearConfig(**{name: value})

    def test_survives_its_yaml_form(self):
        assert config.from_dict(SmearConfig, config.to_dict(SMALL)) == SMALL


class TestWriteDataset:
    def test_layout(self, tmp_path):
        write_dataset(tmp_path, 3, TINY, seed=1, images_per_slide=2, num_processes=1)
        names = ["smear_0001", "smear_0002", "smear_0003"]
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "cell_types.yaml", "cells.csv", "images", "images.csv", "masks", "synthetic.json",
        ]  # fmt: skip
        assert sorted(path.name for path in (tmp_path / "images").iterdir()) == [
            f"{name}.png" for name in names
        ]
        assert read_rows(tmp_path / "images.csv") == [
            {"image": "smear_0001", "group": "slide_0001", "split": "", "origin": "synthetic"},
            {"image": "smear_0002", "group": "slide_0001", "split": "", "origin": "synthetic"},
            {"image": "smear_0003", "group": "slide_0002", "split": "", "origin": "synthetic"},
        ]
        assert cell_types.CellTypes.load(tmp_path / "cell_types.yaml") == cell_types.PAPER
        record = json.loads((tmp_path / "synthetic.json").read_text())
        assert record["seed"] == 1
        assert record["config"]["cell_diameter"] == 30.0

    def test_files_agree_with_one_another(self, tmp_path):
        write_dataset(tmp_path, 2, TINY, seed=1, num_processes=1)
        rows = read_rows(tmp_path / "cells.csv")
        assert {row["image"] for row in rows} == {"smear_0001", "smear_0002"}
        for name in ("smear_0001", "smear_0002"):
            image = cv2.imread(str(tmp_path / f"images/{name}.png"), cv2.IMREAD_UNCHANGED)
            mask = cv2.imread(str(tmp_path / f"masks/{name}.png"), cv2.IMREAD_UNCHANGED)
            assert image.shape == (96, 128, 3)
            assert mask.shape == (96, 128)
            assert set(np.unique(mask)) == {0, 255}
            # Eosin stops green most and red least: the channels were written in their order.
            blue, green, red = image[mask > 0].mean(axis=0) / image[mask == 0].mean(axis=0)
            assert red > blue > green
            for row in rows:
                if row["image"] == name:
                    assert mask[int(float(row["y"])), int(float(row["x"]))] == 255

    def test_processes_do_not_change_the_files(self, tmp_path):
        write_dataset(tmp_path / "one", 3, TINY, seed=1, num_processes=1)
        write_dataset(tmp_path / "two", 3, TINY, seed=1, num_processes=2)
        assert contents(tmp_path / "one") == contents(tmp_path / "two")

    def test_an_image_does_not_depend_on_how_many_there_are(self, tmp_path):
        write_dataset(tmp_path / "few", 1, TINY, seed=1, num_processes=1)
        write_dataset(tmp_path / "more", 2, TINY, seed=1, num_processes=1)
        name = pathlib.Path("images/smear_0001.png")
        assert contents(tmp_path / "few")[name] == contents(tmp_path / "more")[name]

    def test_images_differ(self, tmp_path):
        write_dataset(tmp_path, 2, TINY, seed=1, num_processes=1)
        first, second = (tmp_path / f"masks/smear_000{i}.png" for i in (1, 2))
        assert first.read_bytes() != second.read_bytes()

    def test_finishes_what_was_interrupted(self, tmp_path):
        write_dataset(tmp_path, 3, TINY, seed=1, num_processes=1)
        complete = contents(tmp_path)
        (tmp_path / "images/smear_0002.png").unlink()
        (tmp_path / "cells.csv").unlink()
        half_written = tmp_path / "images/.smear_0002-abc.png"
        half_written.write_bytes(b"")
        kept = (tmp_path / "images/smear_0001.png").stat().st_mtime_ns
        write_dataset(tmp_path, 3, TINY, seed=1, num_processes=1)
        half_written.unlink()
        assert contents(tmp_path) == complete
        assert (tmp_path / "images/smear_0001.png").stat().st_mtime_ns == kept

    def test_extends(self, tmp_path):
        write_dataset(tmp_path / "grown", 1, TINY, seed=1, num_processes=1)
        write_dataset(tmp_path / "grown", 2, TINY, seed=1, num_processes=1)
        write_dataset(tmp_path / "at_once", 2, TINY, seed=1, num_processes=1)
        assert contents(tmp_path / "grown") == contents(tmp_path / "at_once")

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"seed": 2}, "seed was 1, is now 2"),
            (
                {"config": dataclasses.replace(TINY, num_cells=6)},
                r"config\.num_cells was 5, is now 6",
            ),
            ({"images_per_slide": 3}, "images_per_slide was 4, is now 3"),
        ],
    )
    def test_refuses_smears_of_other_settings(self, tmp_path, changed, message):
        arguments = {"config": TINY, "seed": 1, "num_processes": 1}
        write_dataset(tmp_path, 1, **arguments)
        before = contents(tmp_path)
        with pytest.raises(ValueError, match=message):
            write_dataset(tmp_path, 1, **(arguments | changed))
        assert contents(tmp_path) == before

    def test_goes_on_with_smears_of_an_earlier_version(self, tmp_path):
        write_dataset(tmp_path, 1, TINY, seed=1, num_processes=1)
        record = json.loads((tmp_path / "synthetic.json").read_text())
        record["versions"]["rbc_tf"] = "0.1.0"
        (tmp_path / "synthetic.json").write_text(json.dumps(record))
        write_dataset(tmp_path, 2, TINY, seed=1, num_processes=1)
        assert (tmp_path / "images/smear_0002.png").exists()

    def test_refuses_images_of_another_origin(self, tmp_path):
        (tmp_path / "images").mkdir()
        (tmp_path / "images/mine.png").write_bytes(b"")
        with pytest.raises(ValueError, match=r"Received: 1 images and no synthetic.json"):
            write_dataset(tmp_path, 1, TINY, seed=1, num_processes=1)

    def test_refuses_to_shrink(self, tmp_path):
        write_dataset(tmp_path, 2, TINY, seed=1, num_processes=1)
        with pytest.raises(ValueError, match=r"`num_images` must not be less .* smear_0002 there"):
            write_dataset(tmp_path, 1, TINY, seed=1, num_processes=1)

    @pytest.mark.parametrize("name", ["num_images", "images_per_slide", "num_processes"])
    def test_refuses_none_of_a_thing(self, tmp_path, name):
        arguments = {"num_images": 1, "config": TINY, "seed": 1, "num_processes": 1, name: 0}
        with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 1"):
            write_dataset(tmp_path / "new", **arguments)
        assert not (tmp_path / "new").exists()


def test_does_not_need_tensorflow():
    code = "import sys, rbc_tf.data.synthetic; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
