"""The card says what the manifest says, and nothing else."""

import dataclasses
import re

import pytest

from rbc_tf.core.score import Score
from rbc_tf.manifest import manifest as manifests
from rbc_tf.manifest.records import HeldOutScores
from rbc_tf.model_card import card

_HEADINGS = [
    "Model details",
    "Intended use",
    "Out of scope",
    "Training data",
    "Evaluation data",
    "Metrics",
    "Thresholds",
    "Limitations",
    "Ethical considerations and caveats",
    "How to use",
]


def _head(name, status="trained", present=50, auc=0.9):
    return {
        "name": name,
        "status": status,
        "epoch": 3,
        "train_counts": [1400, 60, 7],
        "validation_counts": [present, 40, 0],
        "validation_loss": 0.1,
        "validation_auc": auc,
    }


def _calibrated(name, temperature=True, threshold=True):
    return {
        "name": name,
        "temperature_fitted": temperature,
        "threshold_fitted": threshold,
        "ece_before": 0.125,
        "ece_after": 0.0625,
    }


def _minimal():
    """What every bundle has, those of earlier versions included."""
    return {
        "format_version": 2,
        "created": "2026-05-04T03:02:01+00:00",
        "cell_types": [
            {"name": "disc", "display_name": "Discocyte", "abnormal": False},
            {"name": "burr", "display_name": "burr", "abnormal": True},
        ],
        "crop": {"mode": "letterbox", "size": 96},
        "calibration": {
            "temperatures": {"disc": 1.5, "burr": 1.0},
            "thresholds": {"disc": 0.25, "burr": 0.5},
            "threshold_objective": "exact_match",
        },
        "score_threshold": 0.6,
        "abnormal_threshold": 0.5,
        "backbone": "imagenet",
        "metrics": {},
        "provenance": {},
        "versions": {"rbc_tf": "0.1.0"},
    }


def _full():
    counts = {"images": 24, "groups": 6, "patches": 1467, "single_cell": 1200}
    counts |= {"completely_labelled": 1300, "types": {"disc": 1400, "burr": 90}}
    size = {"num_images": 24, "num_boxes": 2000, "max_boxes": 90}
    return _minimal() | {
        "metrics": {
            "detector_validation": {"AP": -1.0, "AP50": 0.9625, "AP75": 0.5},
            "heads_validation": [_head("disc"), _head("burr")],
            "calibration_validation": {"types": [_calibrated("disc"), _calibrated("burr")]},
            "abnormality_validation": {
                "constant": False,
                "validation_counts": {"abnormal": 30, "normal": 60, "unknown": 2},
                "validation_auc": 0.875,
            },
        },
        "provenance": {
            "data": {
                "dataset": "my_smears",
                "description": "Giemsa stain,\n40x.",
                "splits": {"train": counts, "validation": counts | {"images": 5}},
            },
            "backbone": {},
            "detector": {
                "experiment": "rbc_fpn",
                "init_checkpoint": "imagenet",
                "step": 1500,
                "input_image_size": [256, 320],
                "training_image_size": [480, 640],
                "records": {
                    "train": {"split": "train", **size},
                    "validation": {"split": "validation", **size, "num_images": 1},
                },
            },
        },
    }


def _held_out(groups):
    types = [
        {"name": name, "present": 12, "auc": auc, "threshold": 0.25, "recall": 0.75}
        | {"precision": None, "ece": 0.05}
        for name, auc in (("disc", 0.8125), ("burr", None))
    ]
    return {
        "dataset": "elsewhere",
        "split": "test",
        "images": 9,
        "groups": groups,
        "scored": "2026-06-01T00:00:00+00:00",
        "regions": 321,
        "detection": {
            "ap50": 0.95,
            "ap75": 0.9,
            "ap": 0.8,
            "recall": 0.85,
            "precision": None,
            "recall_single_cell": 0.9,
            "recall_multi_cell": 0.7,
            "score_threshold": 0.6,
            "num_images": 9,
            "num_true": 400,
        },
        "types": types,
        "exact_match": 0.375,
        "exact_match_plain": 0.25,
        "abnormality": {
            "accuracy": 0.625,
            "sensitivity": 0.5,
            "specificity": 0.75,
            "auc": 0.6875,
            "num_abnormal": 100,
        },
        "found_and_right": 0.3125,
    }


def _render(content):
    """The card of what a manifest.json of version 0.1.0 holds."""
    return card.render(manifests.from_json(content))


def _sections(text):
    """{heading: text below it}."""
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("manifest", [_minimal(), _full()])
def test_sections_come_in_the_usual_order(manifest):
    text = _render(manifest)
    assert list(_sections(text)) == _HEADINGS
    assert text.startswith("# Model card")
    assert "> **Research use only. Not a medical device.**" in text
    assert _render(manifest) == text
    assert "None" not in text.replace("None of", "")


def test_what_is_not_recorded_is_said_to_be_so():
    found = _sections(_render(_minimal()))
    assert "The data is not recorded." in found["Training data"]
    assert "Counts by type are not recorded." in found["Training data"]
    assert "the number of its training images is not recorded" in found["Training data"]
    assert "its training is not recorded" in found["Model details"]
    assert found["Metrics"].count("not recorded") == 3
    assert "No scores on held-out images are recorded" in found["Limitations"]


def test_every_figure_stands_where_it_belongs():
    found = _sections(_render(_full()))
    details = found["Model details"]
    assert "2: disc (Discocyte; normal), burr (abnormal)." in details
    assert "`rbc_fpn`, started from imagenet, 1,500 steps" in details
    assert "256 x 320 (height x width)" in details
    assert "weights `imagenet`, not fine-tuned. Patches: letterbox, 96 x 96" in details
    data = found["Training data"]
    assert "Dataset `my_smears`. Giemsa stain, 40x." in data
    assert "| train | 24 | 6 | 1,467 | 1,200 | 1,300 |" in data
    assert "| validation | 5 |" in data
    assert "| disc | 1,400 | 60 | 7 | 50 | 40 | 0 |" in data
    assert "24 images with 2,000 regions to train on (split 'train'), 1 image with" in data
    metrics = found["Metrics"]
    # Minus one stands for 'not defined'.
    assert "Detector, on its validation images: AP50 0.963, AP75 0.500 (" in metrics
    assert "| type | have it | loss | AUC | ECE raw | ECE |" in metrics
    assert "| disc | 50 | 0.100 | 0.900 | 0.125 | 0.062 |" in metrics
    assert "30 abnormal validation regions and 60 normal: AUC 0.875" in metrics
    thresholds = found["Thresholds"]
    assert "score of 0.6" in thresholds
    assert "most exact matches" in thresholds
    assert "| disc | 0.250 | 1.500 |" in thresholds


def test_held_out_figures_say_on_what_data():
    manifest = _full()
    manifest["metrics"]["held_out"] = [_held_out(groups=7)]
    found = _sections(_render(manifest))
    assert "split 'test' of `elsewhere`, 9 images in 7 groups" in found["Evaluation data"]
    assert "400 regions, 321 of them completely labelled" in found["Evaluation data"]
    metrics = found["Metrics"]
    assert metrics.count(", held-out images, `elsewhere` ('test')") == 5
    assert "| AP50 (the paper's AP) | 0.950 |  | 400 |" in metrics
    assert "| recall, single-cell, at score 0.6 | 0.900 |" in metrics
    assert "| precision, at score 0.6 | - |" in metrics
    assert "| exact match at 0.5 | 0.250 |" in metrics
    assert "| burr | 12 | 0.250 | - | 0.750 | - | 0.050 |" in metrics
    assert "| exact match | 0.312 |" in metrics.split("### Whole chain")[1]
    assert "| gradient boosting | 100 | 0.625 | 0.688 | 0.500 | 0.750 |" in metrics
    assert "held-out images" not in found["Limitations"]
    manifest["metrics"]["held_out"] = [_held_out(groups=1)]
    assert "`elsewhere` are of 1 group only" in _sections(_render(manifest))["Limitations"]


def test_composed_images_are_called_that():
    manifest = manifests.from_json(_full())
    scores = (Score("ap50", 0.5, None, {"stage": "detector"}),)
    held_out = HeldOutScores("fields", "test", 9, 7, origin="composed", scores=scores)
    metrics = dataclasses.replace(manifest.metrics, held_out=(held_out,))
    found = _sections(card.render(dataclasses.replace(manifest, metrics=metrics)))
    assert "split 'test' of `fields`, 9 composed images in 7 groups" in found["Evaluation data"]
    assert ", held-out composed images, `fields` ('test')" in found["Metrics"]


def test_a_score_of_any_name_stands_in_the_card():
    of = {"stage": "classifier", "subset": "all"}
    scores = (
        Score("brand_new", 0.4375, (0.25, 0.5), of),
        Score("also_new", 0.5625, None, {**of, "type": "burr"}),
        Score("unheard_of", 0.6875, None, {"stage": "another stage"}),
    )
    manifest = manifests.from_json(_full())
    held_out = HeldOutScores("elsewhere", "test", 9, 7, scores=scores)
    metrics = dataclasses.replace(manifest.metrics, held_out=(held_out,))
    text = card.render(dataclasses.replace(manifest, metrics=metrics))
    found = _sections(text)["Metrics"]
    assert "| brand new | 0.438 [0.250, 0.500] |" in found
    assert "| type | also new |" in found
    assert "| unheard of | 0.688 |" in found
    assert "### another stage, held-out images, `elsewhere` ('test')" in found


def test_random_weights_are_warned_of_on_top():
    text = _render(_full() | {"backbone": "random"})
    assert "Do not use it for judging samples" in text.split("##")[0]
    assert "random weights" in _sections(text)["Limitations"]
    assert "judging samples" not in _render(_full())


def test_the_network_is_the_bundle_s_own():
    assert "ResNet-50, weights" in _render(_full())  # a bundle of 0.1.0, which names none
    text = _render(_full() | {"network": {"name": "net", "title": "Net 7", "feature_dim": 9}})
    assert "Net 7 (9 features), weights" in text
    assert "ResNet" not in text


def test_a_fine_tuned_backbone_says_on_what():
    manifest = _full() | {"backbone": "backbone.keras"}
    manifest["provenance"]["backbone"] = {
        "regions": "single_cell",
        "num_patches": {"train": 4000, "validation": 900},
        "num_images": 294,
    }
    details = _sections(_render(manifest))["Model details"]
    assert "fine-tuned on 4,000 patches (single-cell regions) from 294 images" in details
    manifest["provenance"]["backbone"] = {}
    assert "whether fine-tuned is not recorded" in _render(manifest)


@pytest.mark.parametrize(
    ("objective", "words"),
    [("plain", "0.5 for every type, as in the paper"), ("f1", "highest F1 of each type")],
)
def test_thresholds_say_how_they_came_about(objective, words):
    manifest = _full()
    manifest["calibration"]["threshold_objective"] = objective
    assert words in _sections(_render(manifest))["Thresholds"]


def _limits(heads=(), reports=(), abnormality=None, start=None):
    manifest = _full()
    metrics = manifest["metrics"]
    metrics["heads_validation"] = list(heads)
    metrics["calibration_validation"] = {"types": list(reports)}
    metrics["abnormality_validation"] |= abnormality or {}
    if start:
        manifest["provenance"]["detector"]["init_checkpoint"] = start
    return _sections(_render(manifest))["Limitations"]


def test_limits_follow_from_the_figures():
    found = _limits([_head("a", present=20, auc=0.7)], [_calibrated("a")])
    for words in ("Fewer than", "Poorly", "Never found", "Not calibrated", "poorly"):
        assert words not in found

    found = _limits(
        [
            _head("few", present=19),
            _head("poor", auc=0.699),
            _head("none", present=0, auc=None),
            _head("never", status="never_present", present=0, auc=None),
            _head("untested", status="not_validated", present=0, auc=None),
        ]
    )
    assert "say little: few (19), none (0)." in found
    assert "below 0.7: poor (0.699)." in found
    assert "no training region has it: never." in found
    assert "known whether it has it: untested." in found

    found = _limits(
        reports=[
            _calibrated("raw", temperature=False, threshold=False),
            _calibrated("half", threshold=False),
            _calibrated("fine"),
        ]
    )
    assert "Not calibrated, since validation lacks regions with or without the type: raw." in found
    assert "choose one on: half." in found

    found = _limits(abnormality={"constant": True, "validation_auc": None})
    assert "predicted the same for every region" in found
    assert "validation AUC 0.500" in _limits(abnormality={"validation_auc": 0.5})
    assert "started from random weights" in _limits(start="random weights")


def test_packed_weights_and_what_analysis_warns_of_are_told():
    text = _render(_full())
    assert "packed into" not in text
    assert "Analysis warns" not in text
    seen = {"cell_size": [31.2, 58.9], "brightness": [180, 220]}
    text = _render(_full() | {"weight_bits": 8, "appearance": seen})
    assert "packed into 8 bits" in _sections(text)["Model details"]
    assert "cells measured 31 to 59 pixels" in _sections(text)["Limitations"]
    assert "size of cells or crowd lie beyond" in text
    text = _render(_full() | {"appearance": {**seen, "compression": [1.0, 1.2]}})
    assert "size of cells, crowd or compression lie beyond" in text
