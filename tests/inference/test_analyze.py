"""Analysis of folders: results, failures and resuming, with a chain that finds what we say."""

import csv
import dataclasses
import errno
import itertools
import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import tifffile

from rbc_tf.core import image_io, temporaries
from rbc_tf.core.cell_types import PAPER
from rbc_tf.core.fingerprint import StaleError
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.core.types import Detections
from rbc_tf.inference import (
    analysis,
    analyze,
    appearance,
    bundle,
    cell_scale,
    image_table,
    results_folder,
    tables,
)
from rbc_tf.inference.group_shares import Grouping
from rbc_tf.inference.results_folder import ResultsFolder
from rbc_tf.inference.run_config import RunConfig
from rbc_tf.inference.sharding import Shard
from rbc_tf.inference.view_config import CommonScale, ViewConfig
from tests import builders


def _find(image):
    """Two regions in every image wider than 10 pixels: Oval + Stom, and Oval alone."""
    if image.shape[1] <= 10:
        return builders.analyzed([], [], [], [])
    probabilities = [[0.9, 0, 0, 0, 0, 0.8], [0.7, 0, 0, 0, 0, 0.2]]
    return builders.analyzed(
        [[0, 0, 10, 12], [5, 20, 15, 30]], [0.99, 0.8], probabilities, [0.75, 0.1]
    )


@pytest.fixture(autouse=True)
def chain(monkeypatch):
    fake = builders.fake_chain(_find)
    monkeypatch.setattr(analyze, "Chain", fake)
    return fake


@pytest.fixture
def loaded(tmp_path):
    manifest = builders.manifest(thresholds=(0.5,) * 5 + (0.1,))
    return bundle.Bundle(tmp_path / "bundle", manifest, "sha-one")


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "in"
    for name in ("a.png", "b c é.png", "sub/a.png"):
        image_io.write_png(folder / name, builders.grey_image(20, 40))
    image_io.write_png(folder / "tiny.png", builders.grey_image(1, 1))
    (folder / "notes.txt").write_text("no image")
    return folder


def test_results_of_a_folder(loaded, images, tmp_path):
    out = tmp_path / "out"
    summary = analyze.analyze(loaded.with_plain_thresholds(), images, out)
    assert (summary.analyzed, summary.skipped, summary.failed) == (4, 0, {})
    result = json.loads((out / "images" / "sub" / "a.png.json").read_text())
    assert result["num_regions_by_type"] == {
        "Oval": 2, "Elon": 0, "Reti": 0, "Gran": 0, "Echi": 0, "Stom": 1
    }  # fmt: skip
    assert result["abnormal_region_share"] == 0.5
    first = result["regions"][0]
    assert first["box"] == {"ymin": 0, "xmin": 0, "ymax": 10, "xmax": 12}
    assert first["labels"] == ["Oval", "Stom"]
    assert first["probabilities"]["Stom"] == float(np.float32(0.8))  # not rounded
    assert (first["abnormal"], first["abnormal_probability"]) == (True, 0.75)
    nothing = json.loads((out / "images" / "tiny.png.json").read_text())
    assert (nothing["num_regions"], nothing["abnormal_region_share"]) == (0, None)

    rows = builders.read_csv(out / "regions.csv")
    assert [row["image"] for row in rows] == ["a.png"] * 2 + ["b c é.png"] * 2 + ["sub/a.png"] * 2
    assert list(rows[0]) == analysis.csv_header(PAPER)
    assert (rows[0]["labels"], rows[0]["abnormal"], rows[1]["region"]) == ("Oval;Stom", "1", "2")

    totals = json.loads((out / "summary.json").read_text())
    assert (totals["num_images"], totals["num_regions"], totals["num_abnormal_regions"]) == (
        4,
        6,
        3,
    )
    for name in ("a.png", "b c é.png", "sub/a.png", "tiny.png"):
        assert image_io.read_image(out / "overlays" / f"{name}.png").size


def test_a_single_image(loaded, images, tmp_path):
    summary = analyze.analyze(loaded, images / "a.png", tmp_path / "out")
    assert summary.analyzed == 1
    assert len(builders.read_csv(tmp_path / "out" / "regions.csv")) == 2


def test_broken_images_are_reported_and_tried_again(loaded, images, tmp_path):
    (images / "broken.jpg").write_bytes(b"")
    out = tmp_path / "out"
    summary = analyze.analyze(loaded, images, out)
    assert summary.analyzed == 4
    assert list(summary.failed) == ["broken.jpg"]
    assert "empty" in json.loads((out / "summary.json").read_text())["failed"]["broken.jpg"]
    image_io.write_jpeg(images / "broken.jpg", builders.grey_image(20, 40))
    again = analyze.analyze(loaded, images, out)
    assert (again.analyzed, again.skipped, again.failed) == (1, 4, {})
    assert len(builders.read_csv(out / "regions.csv")) == 8


def test_what_is_done_is_skipped_unless_it_changed(chain, loaded, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    stamp = (out / "images" / "a.png.json").stat().st_mtime_ns
    image_io.write_png(images / "sub" / "a.png", builders.grey_image(20, 60))
    chain.analyzed.clear()
    again = analyze.analyze(loaded, images, out)
    assert (again.analyzed, again.skipped) == (1, 3)
    assert chain.analyzed == [(20, 60, 3)]
    assert (out / "images" / "a.png.json").stat().st_mtime_ns == stamp
    assert analyze.analyze(loaded, images, out, overwrite=True).analyzed == 4


def test_interrupted_before_the_tables(chain, loaded, images, tmp_path, monkeypatch):
    out = tmp_path / "out"
    whole = chain.analyze
    calls = []

    def stop_at_third(self, image):
        calls.append(image)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(self, image)

    monkeypatch.setattr(chain, "analyze", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        analyze.analyze(loaded, images, out)
    assert not (out / "regions.csv").exists()
    monkeypatch.setattr(chain, "analyze", whole)
    again = analyze.analyze(loaded, images, out)
    assert (again.analyzed, again.skipped) == (2, 2)
    assert len(builders.read_csv(out / "regions.csv")) == 6
    assert not list(out.rglob(".*"))


def test_results_of_another_bundle_are_not_mixed(loaded, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    other = bundle.Bundle(loaded.path, loaded.manifest, "sha-two")
    with pytest.raises(StaleError, match="bundle_sha256 was"):
        analyze.analyze(other, images, out)
    assert analyze.analyze(other, images, out, overwrite=True).analyzed == 4


def test_the_thresholds_used_are_told(loaded, images, tmp_path):
    # The second region has Stom with 0.2: above the bundle's threshold of 0.1, below 0.5.
    for chosen, objective, threshold, stom in (
        (loaded, "exact_match", 0.1, 2),
        (loaded.with_plain_thresholds(), "plain", 0.5, 1),
    ):
        out = tmp_path / objective
        analyze.analyze(chosen, images / "a.png", out)
        summary, run = (
            builders.read_json(out / "summary.json"),
            builders.read_json(out / "run.json"),
        )
        assert summary["num_regions_by_type"]["Stom"] == stom
        assert summary["thresholds"] == dict.fromkeys(PAPER.names[:5], 0.5) | {"Stom": threshold}
        assert run["thresholds"] == [0.5] * 5 + [threshold]
        assert summary["threshold_objective"] == run["threshold_objective"] == objective


def test_results_at_other_thresholds_are_not_mixed(loaded, images, tmp_path):
    out = tmp_path / "out"
    plain = loaded.with_plain_thresholds()
    analyze.analyze(loaded, images, out)
    with pytest.raises(StaleError, match=r"(?s)'exact_match'.*thresholds was"):
        analyze.analyze(plain, images, out)
    assert analyze.analyze(loaded, images, out).skipped == 4
    # Overwritten for one image only: the others are not taken for results of the new run.
    assert analyze.analyze(plain, images / "a.png", out, overwrite=True).analyzed == 1
    again = analyze.analyze(plain, images, out)
    assert (again.analyzed, again.skipped) == (3, 1)


def test_results_of_another_input_are_not_mixed_or_deleted(loaded, images, tmp_path):
    out = tmp_path / "out"
    first = analyze.analyze(loaded, images, out)
    assert f"regions: {first.num_regions:,}" in first.text()
    results = {p: p.read_bytes() for p in (out / "images").rglob("*.json")}
    other = shutil.copytree(images, tmp_path / "day2")
    image_io.write_png(other / "a.png", builders.grey_image(22, 44))
    for elsewhere in (other, images / "a.png", images / "sub"):
        with pytest.raises(StaleError, match=r"It holds those of .*in, such as .*Give --overwrite"):
            analyze.analyze(loaded, elsewhere, out)
    assert results == {p: p.read_bytes() for p in (out / "images").rglob("*.json")}
    # Images that were moved, or are mounted elsewhere, are the same as before.
    moved = images.rename(tmp_path / "moved")
    assert analyze.analyze(loaded, moved, out).skipped == first.analyzed
    assert builders.read_json(out / "run.json")["input"] == str(moved)
    assert analyze.analyze(loaded, other, out, overwrite=True).analyzed == first.analyzed


def test_an_output_folder_inside_the_input_is_left_out(loaded, images):
    analyze.analyze(loaded, images, images / "out")
    assert analyze.analyze(loaded, images, images / "out").skipped == 4


def test_nothing_to_analyze(loaded, tmp_path):
    with pytest.raises(ValueError, match="no such image or folder"):
        analyze.analyze(loaded, tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no image"):
        analyze.analyze(loaded, tmp_path / "empty", tmp_path / "out")


def test_an_unwritable_output_folder(loaded, images, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"out: .*cannot be written"):
        analyze.analyze(loaded, images, pathlib.Path(os.fspath(tmp_path / "file")) / "out")


# -- one image stops nothing


def _tables(out):
    """Names of the images in regions.csv, and summary.json; the report must be there too."""
    assert (out / "report.html").stat().st_size > 1000
    names = [row["image"] for row in builders.read_csv(out / "regions.csv")]
    return sorted(set(names)), builders.read_json(out / "summary.json")


_GOOD = ["a.png", "b c é.png", "sub/a.png"]  # those with regions


def _add(images, name):
    (images / "extra.png").write_bytes((images / "a.png").read_bytes())
    os.rename(images / "extra.png", images / name)


@pytest.mark.parametrize(
    ("name", "shown", "reason"),
    [
        (os.fsdecode(b"caf\xe9.png"), "caf\\xe9.png", "must be UTF-8"),
        ("n" * 251 + ".png", "n" * 251 + ".png", "cannot be written (File name too long)"),
        ("n" * 247 + ".png", "n" * 247 + ".png", "cannot be written (File name too long)"),
    ],
    ids=["not-utf-8", "too-long-for-the-overlay", "too-long-for-the-json"],
)
def test_a_name_that_cannot_be_written_fails_alone(loaded, images, tmp_path, name, shown, reason):
    _add(images, name)
    for _ in range(2):
        summary = analyze.analyze(loaded, images, tmp_path / "out")
        assert list(summary.failed) == [shown]
        assert reason in summary.failed[shown]
        names, totals = _tables(tmp_path / "out")
        assert (names, totals["num_failed"], totals["failed"]) == (_GOOD, 1, summary.failed)
    assert summary.skipped == 4


def test_an_image_whose_result_and_a_folder_have_one_name_fails_alone(loaded, images, tmp_path):
    for name in ("m.png", "m.png.json/b.png"):
        image_io.write_png(images / name, builders.grey_image(20, 40))
    out = tmp_path / "out"
    for done in (5, 0):
        summary = analyze.analyze(loaded, images, out)
        assert summary.analyzed == done
        (name,) = summary.failed
        assert name in ("m.png", "m.png.json/b.png")
        assert "its results cannot be written" in summary.failed[name]
        names, totals = _tables(out)
        assert len(names) == 4
        assert set(_GOOD) < set(names)
        assert (totals["num_images"], totals["num_failed"]) == (5, 1)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogates not allowed"),
        PermissionError(errno.EACCES, "Permission denied"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_result_that_cannot_be_written_fails_alone(loaded, images, tmp_path, monkeypatch, error):
    whole = ResultsFolder.write

    def write(self, name, content):
        if name.startswith("images/b c"):
            raise error
        whole(self, name, content)

    monkeypatch.setattr(ResultsFolder, "write", write)
    summary = analyze.analyze(loaded, images, tmp_path / "out")
    assert list(summary.failed) == ["b c é.png"]
    assert "its results cannot be written" in summary.failed["b c é.png"]
    assert _tables(tmp_path / "out")[0] == ["a.png", "sub/a.png"]
    assert not (tmp_path / "out" / "overlays" / "b c é.png.png").exists()


@pytest.mark.parametrize("error", [MemoryError("9 TiB"), RuntimeError("a defect\nin two lines")])
def test_an_image_that_cannot_be_analysed_fails_alone(
    chain, loaded, images, tmp_path, monkeypatch, error
):
    def analyze_all_but_one(self, image):
        if image.shape[0] == 1:
            raise error
        return _find(image)

    monkeypatch.setattr(chain, "analyze", analyze_all_but_one)
    summary = analyze.analyze(loaded, images, tmp_path / "out")
    assert list(summary.failed) == ["tiny.png"]
    assert type(error).__name__ in summary.failed["tiny.png"]
    assert "\n" not in summary.failed["tiny.png"]
    assert _tables(tmp_path / "out")[0] == _GOOD


def test_an_image_that_has_become_unreadable_fails_alone(loaded, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    (images / "a.png").unlink()
    (images / "a.png").symlink_to("nowhere")
    summary = analyze.analyze(loaded, images, out)
    assert list(summary.failed) == ["a.png"]
    assert _tables(out)[0] == _GOOD[1:]
    assert not (out / "overlays" / "a.png.png").exists()
    assert not (out / "images" / "a.png.json").exists()


# -- what is there from before


def test_results_of_images_that_are_gone_are_gone(loaded, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    (out / "overlays" / "my notes.png").write_bytes(b"mine")
    (images / "sub" / "a.png").unlink()
    (images / "a.png").write_bytes(b"broken now")
    summary = analyze.analyze(loaded, images, out)
    assert (summary.analyzed, summary.skipped, list(summary.failed)) == (0, 2, ["a.png"])
    names, totals = _tables(out)
    assert (names, totals["num_images"]) == (["b c é.png"], 2)
    assert ResultsFolder(out).done() == {"b c é.png", "tiny.png"}
    left = {p.name for p in (out / "overlays").rglob("*.png")}
    assert left == {"b c é.png.png", "tiny.png.png", "my notes.png"}


def test_results_of_other_images_alone_are_not_deleted(loaded, images, tmp_path):
    out, others = tmp_path / "out", tmp_path / "others"
    analyze.analyze(loaded, images, out)
    image_io.write_png(others / "z.png", builders.grey_image(20, 40))
    with pytest.raises(StaleError, match=r"those of 4 others, such as a\.png"):
        analyze.analyze(loaded, others, out)
    assert len(ResultsFolder(out).done()) == 4
    assert analyze.analyze(loaded, others, out, overwrite=True).analyzed == 1
    assert ResultsFolder(out).done() == {"z.png"}


def test_overwriting_leaves_no_picture_of_an_image_that_is_gone(loaded, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    (images / "sub" / "a.png").unlink()
    assert analyze.analyze(loaded, images, out, overwrite=True).analyzed == 3
    left = {path.relative_to(out).as_posix() for path in out.rglob("*.png*")}
    assert left == {
        f"{folder}/{name}.{end}"
        for folder, end in (("images", "json"), ("overlays", "png"))
        for name in ("a.png", "b c é.png", "tiny.png")
    }


@pytest.mark.parametrize("content", [b"", b'{"image": "a.png', b"\0" * 40, b"[]", b"{}", b"\xff"])
def test_a_damaged_result_is_made_again(loaded, images, tmp_path, content):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    whole = (out / "images" / "a.png.json").read_bytes()
    (out / "images" / "a.png.json").write_bytes(content)
    (out / "summary.json").write_bytes(content)
    again = analyze.analyze(loaded, images, out, retry_failed=False)
    assert (again.analyzed, again.skipped) == (1, 3)
    assert (out / "images" / "a.png.json").read_bytes() == whole
    assert _tables(out)[0] == _GOOD


@pytest.mark.parametrize(
    "change",
    [
        lambda result: result.update(regions=[{}, {}]),
        lambda result: result.update(num_regions="x"),
        lambda result: result["num_regions_by_type"].update(Oval=True),
        lambda result: result["regions"][0]["box"].update(ymin=float("nan")),
        lambda result: result["regions"].pop(),
        lambda result: result.update(image="sub/a.png"),
    ],
)
def test_a_result_that_is_not_of_a_piece_is_made_again(loaded, images, tmp_path, change):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    path = out / "images" / "a.png.json"
    whole = path.read_bytes()
    result = json.loads(whole)
    change(result)
    path.write_text(json.dumps(result))
    merged = analyze.merge(loaded, images, out)
    assert list(merged.failed) == ["a.png"]
    path.write_text(json.dumps(result))
    again = analyze.analyze(loaded, images, out)
    assert (again.analyzed, again.skipped, again.failed) == (1, 3, {})
    assert path.read_bytes() == whole


def test_pipes_and_devices_are_no_results(loaded, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    for name, make in (("a.png", os.mkfifo), ("tiny.png", _link_to_zeros)):
        path = out / "images" / f"{name}.json"
        path.unlink()
        make(path)
    assert analyze.analyze(loaded, images, out).analyzed == 2
    for make in (os.mkfifo, _link_to_zeros):
        (out / "run.json").unlink()
        make(out / "run.json")
        with pytest.raises(StaleError, match=r"run\.json must be a file.*--overwrite"):
            analyze.analyze(loaded, images, out)
        assert analyze.analyze(loaded, images, out, overwrite=True).analyzed == 4


def _link_to_zeros(path):
    path.symlink_to("/dev/zero")


def test_an_overlay_that_is_lost_is_made_again(loaded, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    (out / "overlays" / "a.png.png").write_bytes(b"")
    (out / "overlays" / "sub" / "a.png.png").unlink()
    assert analyze.analyze(loaded, images, out).analyzed == 2


@pytest.mark.parametrize("content", [b"", b"\0\0", b"[1]"])
def test_a_damaged_record_of_the_run_is_named(loaded, images, tmp_path, content):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    (out / "run.json").write_bytes(content)
    with pytest.raises(StaleError, match=r"run\.json: the file is damaged.*--overwrite"):
        analyze.analyze(loaded, images, out)
    assert analyze.analyze(loaded, images, out, overwrite=True).analyzed == 4


def test_tables_of_an_earlier_run_do_not_outlive_a_killed_one(
    chain, loaded, images, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    image_io.write_png(images / "new.png", builders.grey_image(20, 40))

    def killed(self, image):
        raise KeyboardInterrupt

    monkeypatch.setattr(chain, "analyze", killed)
    with pytest.raises(KeyboardInterrupt):
        analyze.analyze(loaded, images, out)
    tables = {"regions.csv", "images.csv", "groups.csv", "summary.json", "report.html"}
    assert not tables & set(os.listdir(out))


# -- where results may lie


def test_overlays_of_an_earlier_run_are_no_images(loaded, images):
    for run in ("run1", "run2"):
        assert analyze.analyze(loaded, images, images / run).analyzed == 4
    assert analyze.find_images(images, images / "run3").passed_over == ("run1", "run2")


@pytest.mark.parametrize("output", [".", "sub/..", "../in"])
def test_results_do_not_go_among_the_images(loaded, images, output):
    with pytest.raises(ValueError, match="in a folder apart from the images"):
        analyze.analyze(loaded, images, images / output)


@pytest.mark.parametrize("folder", ["images", "overlays", "images/slide 1"])
def test_images_do_not_lie_where_results_go(loaded, images, tmp_path, folder):
    source = tmp_path / "data" / folder
    source.parent.mkdir(parents=True, exist_ok=True)
    images.rename(source)
    with pytest.raises(ValueError, match="in a folder apart from the images"):
        analyze.analyze(loaded, source, tmp_path / "data")


def test_results_may_lie_above_the_images(loaded, images, tmp_path):
    for _ in range(2):
        summary = analyze.analyze(loaded, images, tmp_path)
    assert (summary.analyzed, summary.skipped) == (0, 4)


def test_a_dataset_folder_is_analysed_without_its_masks(loaded, tmp_path):
    data = builders.write_dataset(
        tmp_path / "d",
        {"a": builders.grey_image(20, 40)},
        masks={"a": builders.discs(20, 40, (9, 9, 4))},
        cells=[("a", 9, 9, "Oval")],
    )
    assert analyze.analyze(loaded, data, tmp_path / "out").analyzed == 1
    assert ResultsFolder(tmp_path / "out").done() == {"images/a.png"}


def test_pipes_and_devices_fail_and_nothing_waits_for_them(loaded, images, tmp_path):
    os.mkfifo(images / "pipe.png")
    (images / "zero.png").symlink_to("/dev/zero")
    (images / "nowhere.png").symlink_to(tmp_path / "nowhere")
    for _ in range(2):
        summary = analyze.analyze(loaded, images, tmp_path / "out")
        assert sorted(summary.failed) == ["nowhere.png", "pipe.png", "zero.png"]


def test_an_image_that_changes_after_its_analysis_is_no_longer_done(
    chain, loaded, images, tmp_path, monkeypatch
):
    whole, calls = chain.analyze, []

    def change_the_first(self, image):
        calls.append(image)
        if len(calls) == 4:
            image_io.write_png(images / "a.png", builders.grey_image(20, 60))
            (images / "b c é.png").unlink()
        return whole(self, image)

    monkeypatch.setattr(chain, "analyze", change_the_first)
    out = tmp_path / "out"
    summary = analyze.analyze(loaded, images, out)
    assert sorted(summary.failed) == ["a.png", "b c é.png"]
    assert all(
        "has been changed or taken away since" in reason for reason in summary.failed.values()
    )
    assert {row["image"] for row in builders.read_csv(out / "regions.csv")} == {"sub/a.png"}
    again = analyze.analyze(loaded, images, out)
    assert (again.analyzed, again.skipped, again.failed) == (1, 2, {})
    assert not (out / "images" / "b c é.png.json").exists()


def test_what_a_killed_run_left_half_written_is_removed(loaded, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    system = temporaries._system()
    for folder in (out, out / "images", out / "images" / "sub", out / "overlays" / "sub"):
        (folder / f".rbc_tf-new-{system}-99999999-1-abc-x.png").write_text("half")
    analyze.analyze(loaded, images, out)
    assert not list(out.rglob(".*"))


def test_a_result_that_goes_while_the_tables_are_written_is_named(loaded, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    (out / "images" / "a.png.json").unlink()
    with pytest.raises(ValueError, match=r"a\.png\.json: has been removed.*Run again"):
        tables.write_tables(loaded, ["a.png"], {}, results_folder.ResultsFolder(out))


def test_results_that_are_deleted_while_it_runs_are_named_and_made_again(
    loaded, images, tmp_path, monkeypatch
):
    out, finish = tmp_path / "out", tables.finish
    monkeypatch.setattr(tables, "finish", lambda *a, **k: shutil.rmtree(out) or finish(*a, **k))
    summary = analyze.analyze(loaded, images, out)
    assert (summary.analyzed, sorted(summary.failed)) == (0, sorted([*_GOOD, "tiny.png"]))
    monkeypatch.setattr(tables, "finish", finish)
    assert analyze.analyze(loaded, images, out).analyzed == 4
    assert _tables(out)[0] == _GOOD


def test_names_are_no_formulas_in_the_table(loaded, images, tmp_path):
    content = (images / "a.png").read_bytes()
    names = ["=cmd|' C calc'!A0.png", "+1+1.png", "@SUM(A1).png", "-2+3.png", "a\rb.png"]
    only = tmp_path / "only"
    only.mkdir()
    for name in names:
        (only / name).write_bytes(content)
    assert analyze.analyze(loaded, only, tmp_path / "out").failed == {}
    read = {row["image"] for row in builders.read_csv(tmp_path / "out" / "regions.csv")}
    assert read == {f"'{name}" for name in names[:4]} | {"a\rb.png"}


def _frames(folder, level, *names):
    """12 bits in 16 of one level, with darker cells."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        values = np.full((20, 40), level, np.uint16)
        values[5:9, 5:20] = level // 2
        tifffile.imwrite(folder / name, values, photometric="minisblack")


def test_one_range_of_intensities_for_all_images_of_all_runs(chain, loaded, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        chain, "analyze", lambda self, image: seen.append(image.max()) or _find(image)
    )
    images, out = tmp_path / "in", tmp_path / "out"
    _frames(images, 3000, "a.tif", "b.tif")
    summary = analyze.analyze(loaded, images, out)
    assert builders.read_json(out / "run.json")["intensity"] == {
        "low": 0, "high": 4095, "source": "estimated"
    }  # fmt: skip
    assert builders.read_json(out / "summary.json")["intensity"] == "0 to 4095, estimated"
    assert "images of more than 8 bits: 0 to 4095, estimated" in summary.text()
    assert "0 to 4095, estimated" in (out / "report.html").read_text(encoding="utf-8")
    # Alone they would be taken for 14 bits.
    _frames(images, 4200, "c.tif")
    _frames(images, 900, "d.tif")
    later = analyze.analyze(loaded, images, out)
    assert (later.analyzed, later.skipped, list(later.failed)) == (1, 2, ["c.tif"])
    assert seen == [187, 187, 56]  # 255 * 3000 / 4095 = 186.8, and of 900: 56.04


def test_a_range_that_is_given_decides_and_no_other_is_mixed_with_it(loaded, tmp_path):
    images, out = tmp_path / "in", tmp_path / "out"
    _frames(images, 3000, "a.tif")
    twelve = IntensityRange.of_bits(12)
    analyze.analyze(loaded, images, out, RunConfig(intensity=IntensityRange.of_bits(14)))
    assert analyze.analyze(loaded, images, out).skipped == 1
    with pytest.raises(StaleError, match="intensity"):
        analyze.analyze(loaded, images, out, RunConfig(intensity=twelve))
    given = RunConfig(intensity=twelve)
    assert analyze.analyze(loaded, images, out, given, overwrite=True).analyzed == 1


def test_a_folder_whose_first_images_need_no_range_gets_one_later(loaded, images, tmp_path):
    out = tmp_path / "out"
    assert analyze.analyze(loaded, images, out).intensity == ""
    _frames(images, 3000, "z.tif")
    assert analyze.analyze(loaded, images, out).skipped == 4
    assert builders.read_json(out / "run.json")["intensity"]["high"] == 4095


def test_shards_share_the_range_of_the_whole_folder(loaded, tmp_path):
    images = tmp_path / "in"
    _frames(images, 3000, *(f"{name}.tif" for name in "abcdef"))
    _frames(images, 12_000, "g.tif")
    ranges = set()
    for index in range(3):
        out = tmp_path / f"out{index}"
        analyze.analyze(loaded, images, out, shard=Shard(index, 3))
        ranges.add(builders.read_json(out / "run.json")["intensity"]["high"])
    assert ranges == {16_383}


def test_images_in_which_nothing_is_seen_are_warned_of(loaded, images, tmp_path):
    image_io.write_png(images / "dark.png", builders.grey_image(20, 40, 9))
    image_io.write_png(images / "white.png", builders.grey_image(20, 40, 250))
    out = tmp_path / "out"
    text = analyze.analyze(loaded, images, out).text()
    assert "warning: 1 of 6 images come out nearly black (dark.png)" in text
    assert "nearly white (white.png)" in text
    assert "1 of 6 images come out nearly black (dark.png)" in (out / "report.html").read_text()
    _, dark, empty = builders.read_json(out / "summary.json")["warnings"]
    assert dark.endswith("they are empty, or over- or underexposed")
    assert empty == "no region was found in 1 of 6 images (tiny.png)"
    assert f"warning: {empty}" in text
    result = builders.read_json(out / "images" / "dark.png.json")
    assert result["exposure"] == "nearly black"
    again = analyze.analyze(loaded, images, out)
    assert again.skipped == 6
    assert again.warnings


def test_files_that_are_not_read_are_warned_of_and_masks_are_no_images(loaded, images, tmp_path):
    for name in ("x.czi", "sub/y.webp"):
        (images / name).write_bytes(b"x")
    for name in ("d/images/a.jfif", "d/masks/a.png", "a_cp_masks.png"):
        image_io.write_png(images / name, builders.grey_image(20, 40))
    out = tmp_path / "out"
    summary = analyze.analyze(loaded, images, out)
    assert (summary.analyzed, summary.failed) == (5, {})
    assert (out / "images" / "d" / "images" / "a.jfif.json").is_file()
    warning, *_ = builders.read_json(out / "summary.json")["warnings"]
    assert "2 files of kinds of images that are not read" in warning
    assert "(sub/y.webp, x.czi)" in warning
    assert f"warning: {warning}" in summary.text()
    assert "(sub/y.webp, x.czi)" in (out / "report.html").read_text()


def test_images_unlike_those_that_were_learnt_from_are_warned_of(
    chain, loaded, images, tmp_path, monkeypatch
):
    unlike = {"darker": "background in grey values 200, learnt from 225 to 240"}
    monkeypatch.setattr(
        chain, "analyze", lambda self, image: dataclasses.replace(_find(image), unlike=unlike)
    )
    out = tmp_path / "out"
    summary = analyze.analyze(loaded, images, out)
    assert "warning: 4 of 4 images are unlike those that the bundle learnt from" in summary.text()
    assert "darker: 4 (a.png, b c é.png, sub/a.png and 1 more)" in summary.text()
    result = builders.read_json(out / "images" / "a.png.json")
    assert result["unlike"] == unlike


def test_each_group_of_images_has_its_shares(loaded, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    with (out / "groups.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["group"], row["num_images"], row["num_regions"]) for row in rows] == [
        (".", "3", "4"),
        ("sub", "1", "2"),
    ]
    assert [row["abnormal_share"] for row in rows] == ["0.500000", "0.500000"]
    assert rows[0]["Oval_share"] == "1.000000"
    assert rows[1]["Oval_low"] == ""  # a single image
    summary = builders.read_json(out / "summary.json")
    assert summary["shares"]["Stom"]["share"] == 1.0
    assert summary["groups"]["sub"]["num_regions"] == 2

    grouping = Grouping("([a-z])[^/]*$")  # first letters of files
    assert analyze.analyze(loaded, images, out, RunConfig(grouping=grouping)).skipped == 4
    rows = builders.read_csv(out / "groups.csv")
    assert [(row["group"], row["num_images"]) for row in rows] == [
        ("a", "2"),
        ("b", "1"),
        ("t", "1"),
    ]


def test_each_analysed_image_has_a_row(chain, loaded, images, tmp_path, monkeypatch):
    """Also without regions; those that failed have none."""

    def find(image):
        view = {"scale": 0.5, "gain": 2.5, "unlike": {"darker": "x", "out of focus": "y"}}
        return dataclasses.replace(_find(image), **(view if image.shape[1] > 1 else {}))

    monkeypatch.setattr(chain, "analyze", lambda self, image: find(image))
    (images / "broken.png").write_bytes(b"")
    image_io.write_png(images / "dark.png", builders.grey_image(30, 50, 9))
    out = tmp_path / "out"
    config = RunConfig(grouping=Grouping("([a-z])[^/]*$"))
    analyze.analyze(loaded.with_plain_thresholds(), images, out, config)
    rows = builders.read_csv(out / "images.csv")
    assert list(rows[0]) == image_table.header(PAPER)
    assert [(row["image"], row["group"], row["height"], row["width"]) for row in rows] == [
        ("a.png", "a", "20", "40"),
        ("b c é.png", "b", "20", "40"),
        ("dark.png", "d", "30", "50"),
        ("sub/a.png", "a", "20", "40"),
        ("tiny.png", "t", "1", "1"),
    ]
    # Of two regions, both Oval and one Stom, one is abnormal. Wilson's interval of 1 in 2, z 1.96:
    # 0.5 -+ 1.96 * sqrt(0.25 / 2 + 1.96^2 / 16) / (1 + 1.96^2 / 2) = 0.5 -+ 0.4055.
    counts = ("num_regions", "num_abnormal_regions", "num_Oval", "num_Elon", "num_Stom")
    assert [rows[0][name] for name in counts] == ["2", "1", "2", "0", "1"]
    shares = ("abnormal_region_share", "share_low_95", "share_high_95")
    found = [float(rows[0][name]) for name in shares]
    np.testing.assert_allclose(found, [0.5, 0.0945, 0.9055], atol=1e-4)
    assert [rows[4][name] for name in (*counts, *shares)] == ["0"] * 5 + [""] * 3
    rest = [(row["scale"], row["gain"], row["warned_of"]) for row in rows]
    assert rest[0] == ("0.5", "2.5", "darker;out of focus")
    assert rest[2] == ("0.5", "2.5", "nearly black;darker;out of focus")
    assert rest[4] == ("1", "1", "")


def test_regions_at_the_border_are_marked(chain, loaded, images, tmp_path, monkeypatch):
    """In an image of 20 x 40: edges up to 1 pixel away from its border touch it."""
    boxes = {
        (5, 5, 10, 10): 0,
        (1.01, 1.01, 18.99, 38.99): 0,
        (1, 5, 10, 10): 1,
        (5, 0, 10, 10): 1,
        (5, 5, 19, 10): 1,
        (5, 5, 10, 39.5): 1,
        (-0.25, 5, 10, 10): 1,
    }
    number = len(boxes)
    types = np.zeros((number, 6))
    found = builders.analyzed(list(boxes), [0.9] * number, types, [0.1] * number)
    monkeypatch.setattr(chain, "analyze", lambda self, image: found)
    analyze.analyze(loaded, images / "a.png", tmp_path / "out")
    rows = builders.read_csv(tmp_path / "out" / "regions.csv")
    assert [row["at_border"] for row in rows] == list(map(str, boxes.values()))


def test_copies_of_images_are_warned_of(loaded, images, tmp_path):
    """The images of 20 x 40 are one picture; with another one, its copy and no copies at all."""
    image_io.write_png(images / "d.png", builders.grey_image(20, 60))
    shutil.copy(images / "d.png", images / "e.png")
    out = tmp_path / "out"
    summary = analyze.analyze(loaded, images, out)
    warning = (
        "3 of 6 images are copies of others (b c é.png of a.png, e.png of d.png, sub/a.png of "
        "a.png), and intervals take them for independent"
    )
    assert builders.read_json(out / "summary.json")["warnings"][0] == warning
    assert f"warning: {warning}" in summary.text()
    assert warning in (out / "report.html").read_text(encoding="utf-8")
    alone = analyze.analyze(loaded, images / "sub", tmp_path / "alone")
    assert alone.warnings == ()


def test_an_image_without_a_group_is_named_before_any_is_analysed(chain, loaded, images, tmp_path):
    with pytest.raises(ValueError, match=r"a\.png: its path must have a group"):
        analyze.analyze(
            loaded, images, tmp_path / "out", RunConfig(grouping=Grouping("(sub|tiny)"))
        )
    assert not chain.analyzed


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"scale": 0.5}, "4 of 4 images were scaled by 0.5 for the analysis"),
        ({"gain": 2.0}, "4 of 4 images were made brighter by 2 for the analysis"),
    ],
)
def test_images_that_were_changed_are_told_of(
    chain, loaded, images, tmp_path, monkeypatch, changed, told
):
    monkeypatch.setattr(
        chain, "analyze", lambda self, image: dataclasses.replace(_find(image), **changed)
    )
    out = tmp_path / "out"
    summary = analyze.analyze(loaded, images, out)
    assert told in summary.text()
    assert told in (out / "report.html").read_text(encoding="utf-8")
    assert changed.items() <= builders.read_json(out / "images" / "a.png.json").items()


def test_images_of_several_microscopes_are_warned_of(chain, loaded, images, tmp_path, monkeypatch):
    factors = itertools.cycle([0.321, 1.0, 0.847])

    def analyze_one(self, image):
        return dataclasses.replace(_find(image), scale=next(factors))

    monkeypatch.setattr(chain, "analyze", analyze_one)
    monkeypatch.setattr(appearance, "cell_size", lambda boxes, *size: 20.0)
    told = "images were scaled each by itself, by 0.321 to 1: their cells differ too much in size"
    summary = analyze.analyze(loaded, images, tmp_path / "one_by_one")
    assert told in summary.text()
    assert told in (tmp_path / "one_by_one" / "report.html").read_text(encoding="utf-8")
    # Not where they have a scale in common, or were not to be scaled.
    noted = {"common": dataclasses.asdict(CommonScale(1.0, 20.0))}
    (tmp_path / "one_by_one" / "scale.json").write_text(json.dumps(noted), encoding="utf-8")
    assert told not in analyze.analyze(loaded, images, tmp_path / "one_by_one").text()
    # Nor where the size of cells cannot be told.
    monkeypatch.setattr(appearance, "cell_size", lambda boxes, *size: None)
    assert told not in analyze.analyze(loaded, images, tmp_path / "sparse").text()
    monkeypatch.setattr(appearance, "cell_size", lambda boxes, *size: 20.0)
    given = RunConfig(view_config=ViewConfig("none"))
    assert told not in analyze.analyze(loaded, images, tmp_path / "none", given).text()


def test_the_images_of_a_folder_have_one_scale_in_all_runs(
    chain, loaded, images, tmp_path, monkeypatch
):
    """Regions of 40 pixels, where those of 20 were learnt from."""
    manifest = dataclasses.replace(loaded.manifest, appearance={"cell_size": (18.0, 22.0)})
    bundle = dataclasses.replace(loaded, manifest=manifest)
    looked_at = []

    def look(self, image, looked_at_again=False):
        looked_at.append(image.shape)
        found = Detections(np.float32([[9, 9, 49, 49]] * 6), np.ones(6, np.float32))
        pixels = np.zeros((60, 60, 3), np.uint8)
        return cell_scale.View(pixels, 1.0, image.shape[:2], found)

    monkeypatch.setattr(chain, "look", look, raising=False)
    out, common = tmp_path / "out", CommonScale(0.497, 40.0)  # to the geometric middle
    analyze.analyze(bundle, images, out)
    assert len(looked_at) == 3  # of four images one is of a pixel, and no field
    assert chain.view_config == ViewConfig(common=common)
    assert builders.read_json(out / "scale.json")["common"] == dataclasses.asdict(common)
    (out / "images" / "a.png.json").unlink()
    analyze.analyze(bundle, images, out)
    assert chain.view_config == ViewConfig(common=common)
    assert len(looked_at) == 3  # the first run has found it
    analyze.analyze(bundle, images, out, overwrite=True)
    assert len(looked_at) == 6
    analyze.analyze(
        bundle, images, tmp_path / "as_it_is", RunConfig(view_config=ViewConfig("none"))
    )
    assert not (tmp_path / "as_it_is" / "scale.json").exists()


def test_how_images_are_looked_at_reaches_the_chain_and_the_record(chain, loaded, images, tmp_path):
    view = ViewConfig("0.50", 4)
    analyze.analyze(loaded, images, tmp_path / "out", RunConfig(view_config=view))
    assert chain.views == [view]
    record = builders.read_json(tmp_path / "out" / "run.json")
    assert (record["scale"], record["rotations"]) == ("0.5", 4)
    same = RunConfig(view_config=ViewConfig("0.5", 4))
    assert analyze.analyze(loaded, images, tmp_path / "out", same).skipped == 4
    with pytest.raises(StaleError, match=r"rotations was 4, is now 2"):
        analyze.analyze(
            loaded, images, tmp_path / "out", RunConfig(view_config=ViewConfig("0.5", 2))
        )


def test_merging_needs_a_group_of_every_image(loaded, images, tmp_path):
    out = tmp_path / "out"
    analyze.analyze(loaded, images, out)
    with pytest.raises(ValueError, match="its path must have a group"):
        analyze.merge(loaded, images, out, RunConfig(grouping=Grouping("(sub|tiny)")))
    assert (out / "groups.csv").exists()
