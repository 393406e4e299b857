"""Settings of the detector: the paper's values, strict overrides, what follows from records."""

import json
import pathlib

import pytest
import tensorflow as tf
from official.core import task_factory
from official.modeling import optimization

from rbc_tf.detection.garden import configs, experiments, parameters, records, task, train
from rbc_tf.graphs import frozen

_CONFIGS = pathlib.Path(__file__).parents[3] / "object_detection_configs"
_PAPER = [
    (experiments.STRIDE16, "paper_fasterrcnn_resnet101_stride16.yaml"),
    (experiments.FPN, "paper_fasterrcnn_resnet101_fpn.yaml"),
]


@pytest.mark.parametrize(("experiment", "name"), _PAPER)
def test_paper_settings(experiment, name):
    params = parameters.build(parameters.Sources(experiment, [str(_CONFIGS / name)]))
    optimizer = params.trainer.optimizer_config
    assert params.task.model.backbone.resnet.model_id == 101
    assert params.task.init_checkpoint == "imagenet"
    assert params.task.model.input_size == [1088, 1920, 3]
    assert params.task.train_data.global_batch_size == 10
    assert params.trainer.train_epochs == 1000
    assert optimizer.optimizer.type == "sgd"
    assert optimizer.optimizer.sgd.momentum == 0.9
    assert optimizer.optimizer.sgd.decay == 0.0  # the schedule decays; twice would be wrong
    assert optimizer.learning_rate.get().initial_learning_rate == 1e-3
    assert optimizer.learning_rate.get().decay_rate == 1e-6
    assert optimizer.warmup.get() is None


@pytest.mark.parametrize(("experiment", "name"), _PAPER)
def test_paper_files_say_what_the_experiments_default_to(experiment, name):
    from_file = parameters.build(parameters.Sources(experiment, [str(_CONFIGS / name)]))
    default = parameters.build(parameters.Sources(experiment))
    for params in (from_file, default):
        # How often a run reports, and the flip, are the file's own.
        params.trainer.override(_INTERVALS)
        params.task.train_data.parser.aug_rand_hflip = False
    assert from_file.as_dict() == default.as_dict()


_INTERVALS = dict.fromkeys(
    ("steps_per_loop", "summary_interval", "checkpoint_interval", "validation_interval"), 1
)


def test_single_level_has_the_backbones_stride_16_features_only():
    model = parameters.build(parameters.Sources(experiments.STRIDE16)).task.model
    assert (model.min_level, model.max_level, model.decoder.type) == (4, 4, "identity")


@pytest.mark.parametrize("path", sorted(_CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_is_valid_and_caps_nothing_at_100(path):
    experiment = experiments.STRIDE16 if "stride16" in path.stem else experiments.FPN
    params = parameters.build(parameters.Sources(experiment, [str(path)]))
    assert isinstance(params, configs.Experiment)
    assert params.task.model.detection_generator.max_num_detections > 100
    assert params.task.train_data.parser.max_num_instances > 100
    assert params.task.validation_data.parser.max_num_instances > 100
    assert params.trainer.best_checkpoint_eval_metric == "AP50"


@pytest.mark.parametrize("step", [0, 1, 1000, 25_000, 1_000_000])
def test_learning_rate_is_the_inverse_time_decay_of_keras_2(step):
    params = parameters.build(parameters.Sources(experiments.STRIDE16))
    optimizer = task.RegionDetection.create_optimizer(params.trainer.optimizer_config)
    # What TensorBoard shows: Model Garden's trainer calls learning_rate on the step.
    assert float(optimizer.learning_rate(step)) == pytest.approx(1e-3 / (1 + 1e-6 * step))


def test_applied_rate_decays_as_keras_2_decays_it():
    config = parameters.build(parameters.Sources(experiments.STRIDE16)).trainer.optimizer_config
    config.optimizer.sgd.momentum = 0.0
    config.learning_rate.inverse_time_decay.decay_rate = 1.0
    factory = optimization.OptimizerFactory(config)
    optimizer = factory.build_optimizer(factory.build_learning_rate())
    weight = tf.Variable(0.0)
    for _ in range(3):
        optimizer.apply_gradients([(tf.constant(-1.0), weight)])
    # 1e-3 * (1 / (1 + 0) + 1 / (1 + 1) + 1 / (1 + 2)) = 1e-3 * 11 / 6
    assert float(weight) == pytest.approx(1e-3 * 11 / 6)


@pytest.mark.parametrize(
    "override", ["task.modell.num_classes=2", "trainer.train_stepz=3", "{task: {nothing: 1}}"]
)
def test_unknown_overrides_fail(override):
    with pytest.raises(ValueError, match="does not exist"):
        parameters.build(parameters.Sources(experiments.FPN, params_override=override))


def test_unknown_keys_of_a_file_fail(tmp_path):
    path = tmp_path / "mistyped.yaml"
    path.write_text("task: {model: {inputsize: [64, 64, 3]}}")
    with pytest.raises(ValueError, match="inputsize"):
        parameters.build(parameters.Sources(experiments.FPN, [str(path)]))


def test_missing_file_and_unknown_experiment_fail():
    with pytest.raises(FileNotFoundError, match=r"absent\.yaml"):
        parameters.build(parameters.Sources(experiments.FPN, ["absent.yaml"]))
    with pytest.raises(ValueError, match="rbc_fasterrcnn_resnet_fpn"):
        parameters.build(parameters.Sources("fasterrcnn_resnetfpn_coco"))
    with pytest.raises(ValueError, match="train_and_eval"):
        train.run(parameters.Sources(experiments.FPN), "fit", "unused")


@pytest.mark.parametrize("size", ["[1080, 1920, 3]", "[64, 64]", "[0, 64, 3]"])
def test_input_sizes_that_no_pyramid_fits_are_refused(size):
    override = f"{{task: {{model: {{input_size: {size}}}}}}}"
    with pytest.raises(ValueError, match="multiples of 32"):
        parameters.build(parameters.Sources(experiments.FPN, params_override=override))


def test_later_sources_win(tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("trainer: {train_epochs: 3, max_to_keep: 3}")
    second.write_text("trainer: {train_epochs: 4}")
    sources = parameters.Sources(
        experiments.FPN,
        [str(first), str(second)],
        params_override="task.init_checkpoint=here",
        backbone_checkpoint="none",
        seed=7,
    )
    params = parameters.build(sources)
    assert params.trainer.train_epochs == 4
    assert params.trainer.max_to_keep == 3
    assert params.task.init_checkpoint == ""
    assert (params.task.train_data.seed, params.task.train_data.deterministic) == (7, True)


def test_epochs_become_steps_of_the_records(tmp_path):
    params = _with_records(tmp_path, num_images=25, max_boxes=3)
    params.trainer.train_epochs = 4
    records.apply(params, ("train", "validation"))
    # 4 epochs of 25 images are 100, in batches of 10.
    assert params.trainer.train_steps == 10
    assert params.task.train_data.input_path == str(tmp_path / "train-?????-of-?????")
    assert params.task.validation_data.input_path == str(tmp_path / "validation-?????-of-?????")


_COSINE = (
    "{trainer: {train_epochs: 0, train_steps: 70, optimizer_config: {"
    "learning_rate: {type: cosine, cosine: {initial_learning_rate: 0.1}}, "
    "warmup: {type: linear, linear: {warmup_steps: %d}}}}}"
)


def test_cosine_ends_with_the_training(tmp_path):
    params = _with_records(tmp_path, num_images=25, max_boxes=3, override=_COSINE % 69)
    records.apply(params, ("train",))
    assert params.trainer.optimizer_config.learning_rate.cosine.decay_steps == 70


def test_warm_up_that_outlasts_the_training_is_refused(tmp_path):
    params = _with_records(tmp_path, num_images=25, max_boxes=3, override=_COSINE % 70)
    with pytest.raises(ValueError, match="warmup_steps must be below"):
        records.apply(params, ("train",))


@pytest.mark.parametrize(("epochs", "steps"), [(0, 0), (2, 5)])
def test_exactly_one_of_epochs_and_steps(tmp_path, epochs, steps):
    params = _with_records(tmp_path, num_images=25, max_boxes=3)
    params.trainer.override({"train_epochs": epochs, "train_steps": steps})
    with pytest.raises(ValueError, match="Exactly one of"):
        records.apply(params, ("train",))


@pytest.mark.parametrize(
    "setting",
    [
        "task.train_data.parser.max_num_instances",
        "task.validation_data.parser.max_num_instances",
        "task.model.roi_generator.test_num_proposals",
        "task.model.detection_generator.max_num_detections",
    ],
)
def test_more_regions_than_the_settings_keep_are_refused(tmp_path, setting):
    params = _with_records(tmp_path, num_images=5, max_boxes=151, override=f"{setting}=150")
    with pytest.raises(ValueError, match=f"151 regions, and {setting} is 150"):
        records.apply(params, ("train", "validation"))
    params = _with_records(tmp_path, num_images=5, max_boxes=151, override=f"{setting}=151")
    records.apply(params, ("train", "validation"))


def test_missing_records_and_splits_are_named(tmp_path):
    params = parameters.build(parameters.Sources(experiments.FPN))
    with pytest.raises(FileNotFoundError, match=r"task\.records_dir"):
        records.apply(params, ("train",))
    params = _with_records(tmp_path, num_images=5, max_boxes=1)
    params.task.evaluation_split = "test"
    with pytest.raises(ValueError, match="split 'test'"):
        records.apply(params, ("test",))
    (tmp_path / "records.json").write_text('{"splits": {"train": {"num_images": 5}}}')
    with pytest.raises(ValueError, match="num_boxes"):
        records.apply(params, ("train",))


def test_input_paths_beside_the_records_folder_are_refused(tmp_path):
    override = "task.validation_data.input_path=elsewhere"
    params = _with_records(tmp_path, num_images=5, max_boxes=1, override=override)
    with pytest.raises(ValueError, match="must stay empty"):
        records.apply(params, ("train",))


def test_the_task_is_registered():
    assert task_factory.get_task_cls(configs.RegionDetectionTask) is task.RegionDetection


def _with_records(folder, num_images, max_boxes, override="") -> configs.Experiment:
    size = {"num_images": num_images, "num_boxes": max_boxes, "max_boxes": max_boxes}
    splits = {"splits": {"train": size, "validation": size}}
    (folder / "records.json").write_text(json.dumps(splits))
    sources = parameters.Sources(experiments.FPN, params_override=override, records_dir=str(folder))
    return parameters.build(sources)


@pytest.mark.parametrize(
    ("setting", "instructions", "expected"),
    [
        ("auto", {"avx2"}, "float32"),
        ("auto", {"avx512_bf16"}, "bfloat16"),
        ("bfloat16", {"avx2"}, "bfloat16"),  # slow, and warned of, but asked for
        ("float32", {"avx512_bf16"}, "float32"),
    ],
)
def test_precision_follows_the_machine_where_it_is_auto(
    monkeypatch, setting, instructions, expected
):
    monkeypatch.setattr(frozen, "processor_features", lambda: frozenset(instructions))
    override = f"runtime.mixed_precision_dtype={setting}"
    params = parameters.build(parameters.Sources(experiments.FPN, params_override=override))
    assert params.runtime.mixed_precision_dtype == expected
    assert params.task.train_data.dtype == params.task.validation_data.dtype == expected


def test_bfloat16_without_instructions_is_warned_of(monkeypatch, caplog):
    monkeypatch.setattr(frozen, "processor_features", lambda: frozenset({"avx2"}))
    override = "runtime.mixed_precision_dtype=bfloat16"
    parameters.build(parameters.Sources(experiments.FPN, params_override=override))
    assert "auto chooses by the machine" in caplog.text
