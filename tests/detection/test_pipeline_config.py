"""pipeline.config is well formed and uses the fields of the TF Object Detection API's protos."""

import pathlib
import re

import pytest

_PATH = pathlib.Path(__file__).parents[2] / "object_detection_configs" / "pipeline.config"
_TOKEN = re.compile(r"\s*(?:#[^\n]*|(\"[^\"]*\"|[A-Za-z_][\w.]*|-?[\d.]+(?:e-?\d+)?|[{}:\[\],]))")

_VALUE = None
_HYPERPARAMS = {
    "op": _VALUE,
    "regularizer": {"l2_regularizer": {"weight": _VALUE}},
    "initializer": {
        "truncated_normal_initializer": {"stddev": _VALUE},
        "variance_scaling_initializer": {"factor": _VALUE, "uniform": _VALUE, "mode": _VALUE},
    },
}
_INPUT_READER = {
    "label_map_path": _VALUE,
    "max_number_of_boxes": _VALUE,
    "shuffle": _VALUE,
    "num_epochs": _VALUE,
    "tf_record_input_reader": {"input_path": _VALUE},
}
# Messages and fields of research/object_detection/protos that a Faster R-CNN pipeline may use.
_FIELDS = {
    "model": {
        "faster_rcnn": {
            "num_classes": _VALUE,
            "image_resizer": {
                "fixed_shape_resizer": {"height": _VALUE, "width": _VALUE},
            },
            "feature_extractor": {"type": _VALUE, "first_stage_features_stride": _VALUE},
            "first_stage_anchor_generator": {
                "grid_anchor_generator": {
                    "height": _VALUE,
                    "width": _VALUE,
                    "height_stride": _VALUE,
                    "width_stride": _VALUE,
                    "scales": _VALUE,
                    "aspect_ratios": _VALUE,
                }
            },
            "first_stage_box_predictor_conv_hyperparams": _HYPERPARAMS,
            "first_stage_nms_score_threshold": _VALUE,
            "first_stage_nms_iou_threshold": _VALUE,
            "first_stage_max_proposals": _VALUE,
            "first_stage_localization_loss_weight": _VALUE,
            "first_stage_objectness_loss_weight": _VALUE,
            "initial_crop_size": _VALUE,
            "maxpool_kernel_size": _VALUE,
            "maxpool_stride": _VALUE,
            "second_stage_box_predictor": {
                "mask_rcnn_box_predictor": {
                    "use_dropout": _VALUE,
                    "dropout_keep_probability": _VALUE,
                    "fc_hyperparams": _HYPERPARAMS,
                }
            },
            "second_stage_post_processing": {
                "batch_non_max_suppression": {
                    "score_threshold": _VALUE,
                    "iou_threshold": _VALUE,
                    "max_detections_per_class": _VALUE,
                    "max_total_detections": _VALUE,
                },
                "score_converter": _VALUE,
            },
            "second_stage_localization_loss_weight": _VALUE,
            "second_stage_classification_loss_weight": _VALUE,
        }
    },
    "train_config": {
        "batch_size": _VALUE,
        "num_steps": _VALUE,
        "optimizer": {
            "momentum_optimizer": {
                "learning_rate": {
                    "exponential_decay_learning_rate": {
                        "initial_learning_rate": _VALUE,
                        "decay_steps": _VALUE,
                        "decay_factor": _VALUE,
                        "staircase": _VALUE,
                    }
                },
                "momentum_optimizer_value": _VALUE,
            },
            "use_moving_average": _VALUE,
        },
        "fine_tune_checkpoint": _VALUE,
        "from_detection_checkpoint": _VALUE,
        "data_augmentation_options": {"random_horizontal_flip": {}},
    },
    "train_input_reader": _INPUT_READER,
    "eval_config": {"metrics_set": _VALUE, "max_num_boxes_to_visualize": _VALUE},
    "eval_input_reader": _INPUT_READER,
}


@pytest.fixture(scope="module")
def pipeline():
    return _parse(_PATH.read_text())


def test_every_field_is_the_apis(pipeline):
    assert set(pipeline) == set(_FIELDS)
    _check_fields(pipeline, _FIELDS, "")


def test_settings_are_the_papers(pipeline):
    train = pipeline["train_config"]
    momentum = train["optimizer"]["momentum_optimizer"]
    decay = momentum["learning_rate"]["exponential_decay_learning_rate"]
    assert train["batch_size"] == "10"
    assert momentum["momentum_optimizer_value"] == "0.9"
    assert float(decay["initial_learning_rate"]) == 1e-3
    model = pipeline["model"]["faster_rcnn"]
    assert model["feature_extractor"]["type"] == '"faster_rcnn_resnet101"'
    assert model["num_classes"] == "1"


def test_decay_is_near_to_the_inverse_time_decay_throughout(pipeline):
    train = pipeline["train_config"]
    momentum = train["optimizer"]["momentum_optimizer"]
    decay = momentum["learning_rate"]["exponential_decay_learning_rate"]
    assert decay["staircase"] == "false"
    for step in range(0, int(train["num_steps"]) + 1, 1000):
        share = float(decay["decay_factor"]) ** (step / int(decay["decay_steps"]))
        assert share == pytest.approx(1 / (1 + 1e-6 * step), rel=4e-4)


def test_nothing_is_capped_at_100(pipeline):
    model = pipeline["model"]["faster_rcnn"]
    kept = model["second_stage_post_processing"]["batch_non_max_suppression"]
    assert int(kept["max_detections_per_class"]) > 100
    assert int(kept["max_total_detections"]) > 100
    for reader in ("train_input_reader", "eval_input_reader"):
        assert int(pipeline[reader]["max_number_of_boxes"]) > 100


def _check_fields(message: dict, known: dict, where: str) -> None:
    for name, value in message.items():
        assert name in known, f"unknown field {where}{name}"
        if isinstance(value, dict):
            assert known[name] is not _VALUE, f"{where}{name} is no message"
            _check_fields(value, known[name], f"{where}{name}.")
        else:
            assert known[name] is _VALUE, f"{where}{name} is a message"


def _parse(text: str) -> dict:
    """Protobuf text format without repeated fields, values as written; lists stay lists."""
    tokens, end = [], 0
    while match := _TOKEN.match(text, end):
        end = match.end()
        tokens += [match[1]] if match[1] else []
    assert not text[end:].strip(), f"cannot read {text[end : end + 40]!r}"
    stream = iter([*tokens, "}"])
    message = _parse_message(stream)
    assert next(stream, None) is None, "a brace too many"
    return message


def _parse_message(stream) -> dict:
    message = {}
    for name in stream:
        if name == "}":
            return message
        assert name not in message, f"{name} is given twice"
        sign = next(stream)
        if sign == ":":
            sign = next(stream)
        message[name] = (
            _parse_message(stream) if sign == "{" else _parse_list(stream) if sign == "[" else sign
        )
    raise AssertionError("a brace is missing")


def _parse_list(stream) -> list[str]:
    values = []
    for token in stream:
        if token == "]":
            return values
        if token != ",":
            values.append(token)
    raise AssertionError("a bracket is missing")
