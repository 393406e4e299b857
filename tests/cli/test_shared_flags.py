"""Choices and defaults that flags repeat, so that --help need not load TensorFlow."""

import ast
import pathlib

import pytest

from rbc_tf.classification.calibration import PLAIN
from rbc_tf.cli import shared_flags
from rbc_tf.detection import tiling
from rbc_tf.detection.garden import train
from rbc_tf.detection.garden.export import INPUT_TYPES
from rbc_tf.evaluation.classifier.inspection import InspectionConfig
from rbc_tf.evaluation.cross_validation import training
from rbc_tf.evaluation.cross_validation.outer_folds import BY_GROUP, BY_PATCH
from rbc_tf.features import crops
from rbc_tf.graphs import frozen
from rbc_tf.inference import assemble
from rbc_tf.inference.report import page
from rbc_tf.inference.serving import export

_FOLDER = pathlib.Path(shared_flags.__file__).parent
_CROP, _INSPECTION = crops.CropConfig(), InspectionConfig()


def _flags(command):
    """Arguments after the name of each flag that a module defines; those that are literals."""
    found = {}
    for node in ast.walk(ast.parse((_FOLDER / f"{command}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("flags.DEFINE_"):
            name, *rest = node.args
            found[ast.literal_eval(name)] = [_literal(argument) for argument in rest]
    return found


def _literal(node):
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return tuple(value) if isinstance(value, list) else value


def test_precisions():
    assert shared_flags.PRECISIONS == frozen.PRECISIONS
    assert (shared_flags.AUTO, shared_flags.FLOAT32) == (frozen.AUTO, frozen.FLOAT32)
    assert shared_flags.AUTO == tiling.AUTO


@pytest.mark.parametrize(
    ("command", "flag", "default", "choices"),
    [
        ("cross_validate", "folds_by", BY_GROUP, (BY_GROUP, BY_PATCH)),
        ("cross_validate", "tested_on", training.BOTH, training.ORIGINS),
        ("export_bundle", "thresholds", assemble.TUNED, assemble.THRESHOLDS),
        (
            "export_detector",
            "input_type",
            INPUT_TYPES[0],
            INPUT_TYPES,
        ),
        ("export_saved_model", "large_images", export.REFUSE, export.LARGE_IMAGES),
        ("export_saved_model", "thresholds", "bundle", ("bundle", PLAIN)),
        ("train_detector", "mode", "train_and_eval", train.MODES),
    ],
)
def test_choices(command, flag, default, choices):
    assert _flags(command)[flag][:2] == [default, tuple(choices)]


@pytest.mark.parametrize(
    ("command", "flag", "default"),
    [
        ("shared_flags", "context", _CROP.context),
        ("shared_flags", "window", _CROP.window),
        ("shared_flags", "supersample", _CROP.supersample),
        ("shared_flags", "background", _CROP.background),
        ("inspect_classifier", "num_worst", _INSPECTION.num_worst),
        ("inspect_classifier", "num_worst_per_type", _INSPECTION.num_worst_per_type),
        ("inspect_classifier", "num_points", _INSPECTION.num_points),
        ("inspect_classifier", "projected_splits", _INSPECTION.projected_splits),
        ("inspect_classifier", "seed", _INSPECTION.seed),
        ("shared_flags", "report_image_size", page.DEFAULT_IMAGE_SIZE),
    ],
)
def test_defaults(command, flag, default):
    assert _flags(command)[flag][0] == default
