"""Shares of a run: every image in one of them, tables of each, and of all in the end."""

import itertools

import numpy as np
import pytest

from rbc_tf.core import image_io
from rbc_tf.detection.record import DetectorRecord
from rbc_tf.detection.tiling import TilingConfig
from rbc_tf.inference import analyze, bundle
from rbc_tf.inference.results_folder import ResultsFolder
from rbc_tf.inference.run_config import RunConfig
from rbc_tf.inference.sharding import Shard, earlier_failures
from rbc_tf.manifest.records import Provenance
from tests import builders

_NAMES = [f"{number:02d}.png" for number in range(12)]
_BROKEN = "broken.jpg"


def _find(image):
    """One region, as wide as the image."""
    return builders.analyzed([0, 0, 5, image.shape[1]], [0.9], [0.9, 0, 0, 0, 0, 0], [0.1])


@pytest.fixture(autouse=True)
def chain(monkeypatch):
    fake = builders.fake_chain(_find)
    monkeypatch.setattr(analyze, "Chain", fake)
    return fake


@pytest.fixture
def loaded(tmp_path):
    record = DetectorRecord(training_image_size=(480, 640), largest_training_region=(90, 120))
    manifest = builders.manifest(provenance=Provenance(detector=record))
    return bundle.Bundle(tmp_path / "bundle", manifest, "sha")


@pytest.fixture
def images(tmp_path):
    """Twelve images of different widths, and a broken one."""
    folder = tmp_path / "in"
    for number, name in enumerate(_NAMES):
        image_io.write_png(folder / name, builders.grey_image(10, 20 + number))
    (folder / _BROKEN).write_bytes(b"")
    return folder


def _run_shards(loaded, images, out, count=3, **options):
    shards = [Shard(index, count) for index in range(count)]
    return [analyze.analyze(loaded, images, out, shard=shard, **options) for shard in shards]


def _images(path):
    return [row["image"] for row in builders.read_csv(path)]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_image_is_in_one_shard_whatever_else_there_is(count):
    names = [f"slide {n}/é{n}.tif" for n in range(200)]
    holding = [[s for s in range(count) if Shard(s, count).holds(name)] for name in names]
    assert all(len(shards) == 1 for shards in holding)
    # 200 / 7 is 28.6 with a deviation of 5: none is empty, none has far more than its part.
    sizes = np.bincount(np.ravel(holding), minlength=count)
    assert sizes.min() > 0.4 * 200 / count


def test_the_shard_follows_from_the_name():
    # sha256("a.png") begins with 7f071235805fbf58; the last digit, 8, is a multiple of 4.
    assert [Shard(s, 4).holds("a.png") for s in range(4)] == [True, False, False, False]


@pytest.mark.parametrize(("index", "count"), [(0, 0), (-1, 3), (3, 3), (1, 1)])
def test_other_shards_are_refused(index, count):
    with pytest.raises(ValueError, match="from 0 to one less"):
        Shard(index, count)


def test_file_names():
    assert Shard().file_name("regions.csv") == "regions.csv"
    assert Shard(3, 10).file_name("regions.csv") == "regions-00003-of-00010.csv"


def test_shards_together_do_what_one_run_does(chain, loaded, images, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "shards"
    analyze.analyze(loaded, images, whole)
    summaries = _run_shards(loaded, images, out)
    assert sum(summary.analyzed for summary in summaries) == 12
    assert [name for summary in summaries for name in summary.failed] == [_BROKEN]
    assert not (out / "regions.csv").exists()
    assert not (out / "report.html").exists()
    assert not (out / "images.csv").exists()
    for table in ("images", "regions"):
        parts = [_images(out / f"{table}-{n:05d}-of-00003.csv") for n in range(3)]
        assert sorted(itertools.chain(*parts)) == _NAMES
    counts = [builders.read_json(out / f"summary-{n:05d}-of-00003.json") for n in range(3)]
    assert [c["num_images"] for c in counts] == [len(part) for part in parts]

    done = len(chain.analyzed)
    merged = analyze.merge(loaded, images, out)
    assert len(chain.analyzed) == done  # nothing is analysed again
    assert (merged.analyzed, merged.skipped, list(merged.failed)) == (0, 12, [_BROKEN])
    assert merged.report_path == out / "report.html"
    for name in ("regions.csv", "images.csv", "groups.csv", "summary.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_a_run_without_shards_merges_too(loaded, images, tmp_path):
    out = tmp_path / "out"
    _run_shards(loaded, images, out)
    image_io.write_jpeg(images / _BROKEN, builders.grey_image(10, 40))
    summary = analyze.analyze(loaded, images, out)
    assert (summary.analyzed, summary.skipped, summary.failed) == (1, 12, {})
    assert sorted(_images(out / "regions.csv")) == sorted([*_NAMES, _BROKEN])


def test_merging_too_early_tells_what_is_missing(loaded, images, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="holds no results to merge"):
        analyze.merge(loaded, images, out)
    first = analyze.analyze(loaded, images, out, shard=Shard(0, 2))
    merged = analyze.merge(loaded, images, out)
    assert merged.skipped == first.analyzed
    missing = [name for name in [*_NAMES, _BROKEN] if not Shard(0, 2).holds(name)]
    assert set(missing) <= set(merged.failed)
    assert "has not been analysed yet" in merged.failed[missing[0]]
    # They are no failures to be passed over.
    again = analyze.analyze(loaded, images, out, retry_failed=False)
    assert again.analyzed == 12 - first.analyzed


def test_failed_images_are_tried_again_unless_told_not_to(loaded, images, tmp_path):
    out = tmp_path / "out"
    reason = _run_shards(loaded, images, out, count=2)
    reason = {name: why for summary in reason for name, why in summary.failed.items()}
    assert earlier_failures(ResultsFolder(out)) == reason
    image_io.write_jpeg(images / _BROKEN, builders.grey_image(10, 40))
    left = analyze.analyze(loaded, images, out, retry_failed=False)
    assert (left.analyzed, left.skipped, left.failed) == (0, 12, reason)
    assert analyze.analyze(loaded, images, out).failed == {}
    # What has been done since has failed no more, though a shard's old summary still says so.
    assert analyze.analyze(loaded, images, out, retry_failed=False).failed == {}
    assert analyze.merge(loaded, images, out).failed == {}


def test_a_shard_overwrites_nothing_and_may_be_empty(loaded, images, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="cannot overwrite"):
        analyze.analyze(loaded, images, out, overwrite=True, shard=Shard(0, 2))
    name = _NAMES[0]
    empty = next(s for s in (Shard(0, 2), Shard(1, 2)) if not s.holds(name))
    summary = analyze.analyze(loaded, images / name, out, shard=empty)
    assert (summary.analyzed, summary.failed) == (0, {})
    assert builders.read_json(summary.summary_path)["num_images"] == 0


def test_results_with_other_tiles_are_not_mixed(chain, loaded, images, tmp_path):
    out = tmp_path / "out"
    tiles = TilingConfig("240x320", overlap=50)
    analyze.analyze(loaded, images, out, RunConfig(tiling_config=tiles))
    assert chain.tilings == [tiles]
    assert builders.read_json(out / "run.json")["tiles"]["overlap"] == 50
    with pytest.raises(ValueError, match=r"tiles\.overlap was 50, is now 120"):
        analyze.analyze(loaded, images, out)
    with pytest.raises(ValueError, match=r"tiles.*is now (None|none|not there)"):
        analyze.merge(loaded, images, out, RunConfig(tiling_config=TilingConfig("none")))
    assert analyze.merge(loaded, images, out, RunConfig(tiling_config=tiles)).skipped == 12
