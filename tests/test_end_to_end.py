"""The true chain, by its own commands, from synthetic smears to analysed images.

Everything is as small as it can be: what is tested is that the parts fit, not how well they see.
"""

import csv
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks.kill_commands import TINY_DETECTOR
from benchmarks.settings import Settings
from benchmarks.stages import analyze, detection, many_images, start
from rbc_tf.core import image_io
from rbc_tf.core.cell_types import PAPER
from rbc_tf.core.score import from_json, one, select
from rbc_tf.inference import bundle, chain

_ROOT = pathlib.Path(__file__).parents[1]


def _run(tool, *arguments, status=0):
    """Runs a tool as a user would; returns what it printed."""
    environment = os.environ | {"PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, str(_ROOT / "tools" / tool), *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, f"{tool}: {done.stdout}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """The folders of all stages: smears, records, detector, features, classifier, bundle."""
    run = tmp_path_factory.mktemp("run")
    smears = run / "smears"
    size = ("--height=128", "--width=160", "--num_cells=8", "--cell_diameter=28")
    _run("make_synthetic_smears.py", f"--output_dir={smears}", "--num_images=28", *size)
    _run("split_dataset.py", f"--dataset_dir={smears}", "--validation=0.15", "--test=0.15")
    assert "no problems in 28 images" in _run("check_dataset.py", f"--dataset_dir={smears}")
    _run(
        "create_detection_records.py",
        f"--dataset_dir={smears}",
        f"--output_dir={run / 'records'}",
        "--num_shards=2",
    )
    _run(
        "train_detector.py",
        "--experiment=rbc_fasterrcnn_resnet_fpn",
        f"--config_file={_ROOT / 'object_detection_configs' / 'demo_r18_fpn.yaml'}",
        f"--params_override={','.join(f'{k}={v}' for k, v in TINY_DETECTOR.items())}",
        f"--records_dir={run / 'records'}",
        f"--model_dir={run / 'detector'}",
    )
    _run(
        "export_detector.py", f"--model_dir={run / 'detector'}", f"--export_dir={run / 'exported'}"
    )
    features = f"--features_dir={run / 'features'}"
    # The smaller of the networks: what is prepared, packed and exported is built in seconds.
    crop = ("--backbone=efficientnet_lite0", "--weights=random")
    crop += ("--patch_size=32", "--crop_mode=letterbox")
    _run("extract_features.py", f"--dataset_dir={smears}", features, *crop)
    _run(
        "train_classifier.py",
        features,
        f"--output_dir={run / 'classifier'}",
        "--params_override={heads: {max_epochs: 3, hidden_units: 8}, boosting: {n_estimators: 5}}",
    )
    _run(
        "export_bundle.py",
        f"--detector_dir={run / 'exported'}",
        features,
        f"--classifier_dir={run / 'classifier'}",
        f"--output_dir={run / 'bundle'}",
        "--score_threshold=0.02",
    )
    return run


def test_the_bundle_says_what_it_is_made_of(run_dir):
    manifest = bundle.load_bundle(run_dir / "bundle").manifest
    assert manifest.cell_types == PAPER
    assert (manifest.crop.mode, manifest.crop.size) == ("letterbox", 32)
    assert manifest.backbone == "random"
    assert manifest.score_threshold == 0.02
    assert manifest.threshold_objective == "exact_match"
    record = json.loads((run_dir / "classifier" / "classifier.json").read_text())
    assert list(manifest.calibration.temperatures) == record["temperatures"]
    assert list(manifest.thresholds) == record["thresholds"]
    card = (run_dir / "bundle" / "MODEL_CARD.md").read_text()
    assert "Do not use it for judging samples" in card
    assert "Dataset `smears`" in card
    records = json.loads((run_dir / "records" / "records.json").read_text())["splits"]["train"]
    trained_on = f"{records['num_images']} images with {records['num_boxes']} regions to train on"
    assert trained_on in card


@pytest.mark.slow
def test_training_leaves_what_tensorboard_shows(run_dir):
    runs = {path.name for path in (run_dir / "classifier" / "tensorboard").iterdir()}
    assert runs == {"train", "validation", "final_validation"}
    _run(
        "inspect_classifier.py",
        f"--features_dir={run_dir / 'features'}",
        f"--classifier_dir={run_dir / 'classifier'}",
        f"--dataset_dir={run_dir / 'smears'}",
    )
    inspection = run_dir / "classifier" / "tensorboard" / "inspection"
    assert {"sprite.png", "metadata.tsv"} <= {path.name for path in inspection.iterdir()}


def test_evaluation_of_held_out_smears(run_dir):
    printed = _run(
        "evaluate.py",
        f"--bundle={run_dir / 'bundle'}",
        f"--dataset_dir={run_dir / 'smears'}",
        f"--output_file={run_dir / 'scores.json'}",
        f"--figures_dir={run_dir / 'figures'}",
        "--record",
    )
    assert "AP50 (the paper's AP)" in printed
    scores = from_json(json.loads((run_dir / "scores.json").read_text())["scores"])
    detector, classifier = (
        select(scores, stage="detector"),
        {"stage": "classifier", "subset": "all"},
    )
    (num_images,), (num_true,) = select(detector, "num_images"), select(detector, "num_regions")
    assert num_images.value == 4
    assert num_true.value >= one(scores, "num_regions", **classifier).value > 0
    assert 0 <= one(scores, "exact_match", **classifier).value <= 1
    assert 0 <= one(scores, "exact_match_plain", **classifier).value <= 1
    for name in ("ece_raw", "ece"):
        of_types = [score for score in select(scores, name, **classifier) if "type" in score.of]
        assert len(of_types) == len(PAPER)
    assert (run_dir / "figures" / "reliability.svg").stat().st_size > 0
    card = (run_dir / "bundle" / "MODEL_CARD.md").read_text()
    assert "**Held out:** split 'test' of `smears`, 4 synthetic images" in card
    (entry,) = bundle.load_bundle(run_dir / "bundle").manifest.metrics.held_out
    assert (
        one(entry.scores, "ap50", stage="detector").value
        == one(detector, "ap50", stage="detector").value
    )


@pytest.fixture(scope="module")
def smears(run_dir, tmp_path_factory):
    """Two smears, a tiny image and a broken one."""
    folder = tmp_path_factory.mktemp("in")
    sources = sorted((run_dir / "smears" / "images").glob("*.png"))[:2]
    for source in sources:
        shutil.copy(source, folder)
    (folder / "broken.png").write_bytes(sources[0].read_bytes()[:1000])
    image_io.write_png(folder / "tiny.png", np.zeros((1, 1, 3), np.uint8))
    return folder


@pytest.fixture(scope="module")
def analyzed(run_dir, smears, tmp_path_factory):
    """The results of the smears."""
    out = tmp_path_factory.mktemp("out")
    arguments = (f"--bundle={run_dir / 'bundle'}", f"--input={smears}", f"--output_dir={out}")
    printed = _run("analyze.py", *arguments, status=1)
    assert "analysed: 3, done before: 0, failed: 1" in printed
    assert "broken.png: the image is damaged" in printed
    return out


def test_analysis_of_a_folder(run_dir, smears, analyzed, tmp_path):
    parts = chain.Chain(bundle.load_bundle(run_dir / "bundle"), precision="auto")
    total = 0
    for source in smears.glob("smear*.png"):
        result = json.loads((analyzed / "images" / f"{source.name}.json").read_text())
        found = parts.analyze(image_io.read_image(source))
        written = [list(region["box"].values()) for region in result["regions"]]
        np.testing.assert_allclose(np.reshape(written, (-1, 4)), found.boxes, atol=1e-3)
        assert (found.boxes >= 0).all()
        assert (found.boxes <= np.array([128, 160, 128, 160])).all()
        written = [list(region["probabilities"].values()) for region in result["regions"]]
        np.testing.assert_allclose(np.reshape(written, (-1, 6)), found.probabilities, atol=1e-4)
        total += result["num_regions"]
    with (analyzed / "regions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= total > 0

    folder = shutil.copytree(smears, tmp_path / "in")
    (folder / "broken.png").unlink()
    out = shutil.copytree(analyzed, tmp_path / "out")
    arguments = (f"--bundle={run_dir / 'bundle'}", f"--input={folder}", f"--output_dir={out}")
    assert "analysed: 0, done before: 3, failed: 0" in _run("analyze.py", *arguments)


@pytest.mark.slow
def test_analysis_on_beam(run_dir, smears, analyzed, tmp_path):
    pytest.importorskip("apache_beam", reason="the extra `beam` is not installed")
    printed = _run(
        "analyze_beam.py",
        "--direct_running_mode",
        "multi_processing",
        "--direct_num_workers=1",
        f"--bundle={run_dir / 'bundle'}",
        f"--input={smears}",
        f"--output_dir={tmp_path}",
        status=1,
    )
    assert "analysed: 3, done before: 0, failed: 1" in printed
    assert "broken.png: the image is damaged" in (tmp_path / "failed.jsonl").read_text()
    names = [path.relative_to(analyzed) for path in analyzed.rglob("*") if path.is_file()]
    assert len(names) == 2 * 3 + 6
    for name in names:
        assert (tmp_path / name).read_bytes() == (analyzed / name).read_bytes(), name


@pytest.mark.slow
def test_the_chain_as_one_saved_model(run_dir, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    sources = sorted((run_dir / "smears" / "images").glob("*.png"))
    shutil.copy(sources[0], folder)
    for number, extension in enumerate((".jpg", ".bmp", ".tif"), start=1):
        with Image.open(sources[number]) as image:
            image.save(folder / f"{number}{extension}")
    printed = _run(
        "export_saved_model.py",
        f"--bundle={run_dir / 'bundle'}",
        f"--output_dir={tmp_path / 'served'}",
        f"--verify_images={folder}",
    )
    assert "equal within the tolerances" in printed
    assert "compared with the chain: 4 images" in printed
    num_regions = int(re.search(r"(\d+) regions", printed)[1])
    assert num_regions > 4
    assert (tmp_path / "served" / "1" / "saved_model.pb").is_file()


def test_a_damaged_bundle_is_one_line_of_error(run_dir, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(run_dir / "bundle", copy)
    path = copy / "backbone.keras"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    images = run_dir / "smears" / "images"
    printed = _run(
        "analyze.py",
        f"--bundle={copy}",
        f"--input={images}",
        f"--output_dir={tmp_path / 'out'}",
        status=1,
    )
    assert "backbone.keras has been changed" in printed
    assert "Traceback" not in printed


def _settings(run_dir, tmp_path):
    return Settings(
        repetitions=1,
        scratch_dir=tmp_path,
        quick=True,
        bundle_dir=run_dir / "bundle",
        dataset_dir=run_dir / "smears",
        detectors=(("same", str(run_dir / "exported")),),
    )


@pytest.mark.slow
def test_benchmark_of_detection(run_dir, tmp_path):
    measured = detection.measure(_settings(run_dir, tmp_path))
    names = [one.contender for one in measured]
    assert names[0] == "rbc_tf"
    assert names[-1] == "same, 128x128, float32"
    by_name = {one.contender: one for one in measured}
    # The same detector in the same precision: the same score on the same four images.
    ours = by_name.get("rbc_tf, 128x128, float32", measured[0])
    assert ours.facts["ap50"] == by_name["same, 128x128, float32"].facts["ap50"]
    assert {one.facts["test_images"] for one in measured} == {4}
    assert len({one.gflop for one in measured}) == 1
    assert measured[0].gflop > 0.1


@pytest.mark.slow
def test_benchmark_of_analysis(run_dir, tmp_path):
    measured = analyze.measure(_settings(run_dir, tmp_path))
    assert [one.size for one in measured] == [1, 1, 1, 2, 2, 2]
    assert measured[0].facts["regions"] <= measured[3].facts["regions"]
    growth = many_images.measure(_settings(run_dir, tmp_path / "many"))
    assert [one.size for one in growth] == [1, 2]
    assert growth[0].seconds < growth[1].seconds
    regions = [one.facts["regions"] for one in growth]
    assert regions == [measured[0].facts["regions"], measured[3].facts["regions"]]


@pytest.mark.slow
def test_benchmark_of_the_start_runs_the_tool(run_dir, tmp_path):
    settings = _settings(run_dir, tmp_path)
    start.run(start.commands(settings)[start.RBC_TF])
    assert (tmp_path / "started" / "summary.json").is_file()


@pytest.mark.slow
def test_precisions_are_held_against_float32(run_dir, tmp_path):
    printed = _run(
        "compare_precisions.py",
        f"--bundle={run_dir / 'bundle'}",
        f"--dataset_dir={run_dir / 'smears'}",
        "--num_images=3",
        f"--output_file={tmp_path / 'compared.json'}",
    )
    assert "3 images" in printed
    compared = json.loads((tmp_path / "compared.json").read_text())
    assert compared["notes"] == []
    scores = from_json(compared["scores"])

    def value(name, precision):
        return one(scores, name, precision=precision).value

    assert value("feature_difference", "float32") == value("label_sets_changed", "float32") == 0
    others = {score.of["precision"] for score in scores} - {"float32"}
    for other in others:  # none where the machine has float32 alone
        assert 0 < value("feature_difference", other) < 0.05
        assert value("num_patches", other) == value("num_patches", "float32") > 0


@pytest.mark.slow
def test_packing_shows_what_it_costs_and_the_file_is_used_as_a_bundle(run_dir, smears, tmp_path):
    packed = tmp_path / "small.rbc"
    printed = _run(
        "pack_bundle.py",
        f"--bundle={run_dir / 'bundle'}",
        f"--output_file={packed}",
        f"--dataset_dir={run_dir / 'smears'}",
        f"--scores_file={tmp_path / 'packing.json'}",
    )
    whole = sum(path.stat().st_size for path in (run_dir / "bundle").rglob("*") if path.is_file())
    assert packed.stat().st_size < 0.35 * whole
    assert re.search(r"AP50.* [-+]0\.\d{4}$", printed, re.MULTILINE)
    scores = from_json(json.loads((tmp_path / "packing.json").read_text())["scores"])
    moved = [one for one in select(scores, "exact_match") if one.of["weights"] == "difference"]
    assert moved
    assert all(abs(one.value) < 0.2 for one in moved)
    out = tmp_path / "results"
    _run("analyze.py", f"--bundle={packed}", f"--input={smears}", f"--output_dir={out}", status=1)
    assert json.loads((out / "run.json").read_text())["bundle"] == str(packed)
