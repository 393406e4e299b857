import json
import pathlib

import numpy as np
import pytest

from benchmarks import plot, run, tables
from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.stages import features
from rbc_tf.features.backbones import resnet50

_ROWS = [
    Measurement("machine", "float32", 8, "row", (1.0,), gflop=100.0),
    Measurement("machine", "bfloat16", 8, "row", (0.5,), gflop=100.0),
    Measurement("features", "rbc_tf", 32, "patch", (0.5, 0.25, 1.0), gflop=80.0, facts={"a_b": 3}),
    Measurement("features", "predict", 32, "patch", (2.0,), gflop=80.0),
    Measurement("features", "rbc_tf", 64, "patch", (1.0,), gflop=160.0),
]


def test_ratios_and_share_of_the_ceiling_by_hand():
    assert tables.ceiling(_ROWS) == 200.0
    _, of_features = tables.tables(_ROWS)
    assert of_features.rows == (
        ("32", "rbc_tf", "500.00 ms", "250.00 ms", "1.00", "160", "80 %"),
        ("32", "predict", "2.00 s", "2.00 s", "4.00", "40", "20 %"),
        ("64", "rbc_tf", "1.00 s", "1.00 s", "1.00", "160", "80 %"),
    )
    assert of_features.notes == ("rbc_tf, 32 patches: a b 3",)


def test_facts_that_all_of_a_size_share_are_said_once():
    rows = [
        Measurement("regions", name, size, "region", (1.0,), facts={"cells": cells})
        for name, size, cells in [("a", 1, 5), ("b", 1, 5), ("a", 9, 5), ("b", 9, 6), ("a", 4, 7)]
    ]
    (table,) = tables.tables(rows)
    assert table.notes == (
        "1 region: cells 5",
        "a, 9 regions: cells 5",
        "b, 9 regions: cells 6",
        "a, 4 regions: cells 7",
    )


def test_plot_has_only_what_grows(tmp_path):
    assert plot.write(_ROWS, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert not plot.write(_ROWS[:4], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_arithmetic_of_resnet_50():
    # He et al. 2015, table 1: 3.8e9 multiplications with additions in the convolutions.
    assert features.gflop_per_patch(resnet50.build(224)) == pytest.approx(2 * 3.86, rel=0.01)


def test_run_keeps_what_earlier_runs_measured(tmp_path, monkeypatch):
    def fake(name, settings):
        return [Measurement(name, "rbc_tf", 1, "row", (float(settings.repetitions),))]

    monkeypatch.setattr(run, "_in_own_process", fake)
    run.run(["regions", "features"], Settings(2, tmp_path), tmp_path)
    measured = run.run(["features"], Settings(3, tmp_path), tmp_path)
    assert {one.stage: one.seconds for one in measured} == {
        "machine": (3.0,),
        "regions": (2.0,),
        "features": (3.0,),
    }
    assert run.load(tmp_path / run.JSON_FILE) == measured
    assert json.loads((tmp_path / run.JSON_FILE).read_text())["machine"]["cores"] >= 1


@pytest.mark.parametrize(
    ("stages", "message"), [(["regoins"], "must be of machine"), (["start"], "bundle_dir")]
)
def test_impossible_stages_are_refused(tmp_path, stages, message):
    with pytest.raises(ValueError, match=message):
        run.run(stages, Settings(1, tmp_path), tmp_path)


@pytest.mark.slow
def test_a_stage_that_fails_says_why(tmp_path):
    settings = Settings(1, tmp_path, bundle_dir=tmp_path / "no_bundle", quick=True)
    with pytest.raises(run.BenchmarkError, match="no_bundle"):
        run._in_own_process("detection", settings)


@pytest.mark.slow
def test_machine_in_a_process_of_its_own(tmp_path):
    measured = run._in_own_process("machine", Settings(2, tmp_path, quick=True))
    assert measured[0].contender == "float32"
    assert all(len(one.seconds) == 2 for one in measured)
    assert measured[-1].facts["gigabytes_per_second"] > 0


def test_quick_features(tmp_path, tiny_resnet50):
    settings = Settings(1, pathlib.Path(tmp_path), quick=True)
    measured = features.measure(settings)
    assert {one.size for one in measured} == {1, 3}
    ours = [one for one in measured if one.contender == features.RBC_TF]
    assert all(0 <= one.facts["difference"] < 0.03 for one in ours)


def test_boxes_of_the_features_stage_lie_in_the_image():
    boxes = features._boxes(50, 32, (128, 192, 3))
    assert boxes.dtype == np.float32
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= (128, 192)).all()
