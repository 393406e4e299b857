"""The settings of a run: the experiment's, then config files, then overrides."""

import dataclasses
import pathlib
from collections.abc import Sequence

import tensorflow as tf
from absl import logging
from official.core import exp_factory
from official.modeling import hyperparams

from rbc_tf.core import config, structured
from rbc_tf.detection.garden import configs, experiments, photometric, workers
from rbc_tf.graphs import frozen

# What `backbone_checkpoint` says for random weights.
RANDOM_WEIGHTS = "none"


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where settings come from, the later ones winning.

    Attributes:
        experiment: 'rbc_fasterrcnn_resnet_stride16' or 'rbc_fasterrcnn_resnet_fpn'.
        config_files: YAML files, or names of those that come with rbc_tf.
        params_override: YAML, or 'a.b=1,c.d=2'.
        records_dir: sets task.records_dir where not ''.
        backbone_checkpoint: sets task.init_checkpoint where not ''; 'none' = random weights.
        seed: sets seed where not None.
        worker_hosts: sets runtime.worker_hosts where not '': 'host:port,host:port'.
        task_index: sets runtime.task_index where not None.
    """

    experiment: str
    config_files: Sequence[str] = ()
    params_override: str = ""
    records_dir: str = ""
    backbone_checkpoint: str = ""
    seed: int | None = None
    worker_hosts: str = ""
    task_index: int | None = None


def build(sources: Sources) -> configs.Experiment:
    """The settings, validated, still without what depends on the records.

    Raises:
        ValueError: the experiment or a setting is unknown, or settings contradict each other.
        FileNotFoundError: a config file is missing.
    """
    known = (experiments.STRIDE16, experiments.FPN)
    if sources.experiment not in known:
        raise ValueError(
            f"experiment must be one of {', '.join(known)}. Received: {sources.experiment!r}"
        )
    params = exp_factory.get_exp_config(sources.experiment)
    try:
        for config_file in sources.config_files:
            _override_from_file(params, config_file)
        hyperparams.override_params_dict(params, sources.params_override, is_strict=True)
        params.override(_shorthands(sources), is_strict=True)
    except KeyError as error:
        raise ValueError(f"Unknown setting. {error.args[0]}") from error
    _follow(params)
    workers.cluster(params.runtime)
    _check_input_size(params.task.model)
    photometric.check(params.task.photometric)
    params.validate()
    return params


def of_run(sources: Sources, model_dir: str | pathlib.Path) -> Sources:
    """`sources` with what they leave out taken from the params.yaml of a run.

    Raises:
        FileNotFoundError: the run left no params.yaml.
    """
    path = pathlib.Path(model_dir) / "params.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"A training run must have left {path}, which does not exist")
    recorded = structured.load_yaml(path)
    if not isinstance(recorded, dict) or not isinstance(recorded.get("experiment"), str):
        raise ValueError(f"{path} must be the settings of a training run")
    return dataclasses.replace(
        sources,
        experiment=sources.experiment or recorded["experiment"],
        config_files=sources.config_files or [str(path)],
    )


def _override_from_file(params: configs.Experiment, name: str) -> None:
    path = config.find(name)
    structured.load_yaml(path)  # within bounds; Model Garden reads it without any
    hyperparams.override_params_dict(params, str(path), is_strict=True)


def _shorthands(sources: Sources) -> dict:
    overrides: dict = {"task": {}, "runtime": {}}
    if sources.records_dir:
        overrides["task"]["records_dir"] = sources.records_dir
    if sources.backbone_checkpoint:
        start = sources.backbone_checkpoint
        overrides["task"]["init_checkpoint"] = "" if start == RANDOM_WEIGHTS else start
    if sources.seed is not None:
        overrides["seed"] = sources.seed
    if sources.worker_hosts:
        overrides["runtime"]["worker_hosts"] = sources.worker_hosts
    if sources.task_index is not None:
        overrides["runtime"]["task_index"] = sources.task_index
    return overrides


def _follow(params: configs.Experiment) -> None:
    """Sets what must agree with another setting."""
    precision = _training_precision(params.runtime.mixed_precision_dtype)
    params.runtime.mixed_precision_dtype = precision
    for split in (params.task.train_data, params.task.validation_data):
        split.dtype = precision
    if params.seed is not None:
        params.task.train_data.seed = params.seed
        params.task.train_data.deterministic = True


def _training_precision(precision: str) -> str:
    """What a setting comes to on this machine; params.yaml records the outcome."""
    if precision == frozen.AUTO:
        return frozen.BFLOAT16 if frozen.has_bfloat16() else frozen.FLOAT32
    if precision not in frozen.PRECISIONS:
        raise ValueError(
            f"runtime.mixed_precision_dtype must be one of {', '.join(frozen.PRECISIONS)}. "
            f"Received: {precision!r}"
        )
    if precision == frozen.BFLOAT16 and not frozen.has_bfloat16() and not _has_gpu():
        logging.warning(
            "Training in bfloat16 on a processor without instructions for it takes many times as "
            "long as in float32: runtime.mixed_precision_dtype=auto chooses by the machine"
        )
    return precision


def _has_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _check_input_size(model) -> None:
    stride = 2**model.max_level
    if len(model.input_size) != 3 or any(
        side % stride or side < 1 for side in model.input_size[:2]
    ):
        raise ValueError(
            f"task.model.input_size must be [height, width, 3] in multiples of {stride}, the "
            f"stride of max_level {model.max_level}; images are padded. "
            f"Received: {list(model.input_size)}"
        )
