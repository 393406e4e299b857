"""Trains or evaluates the detector of regions.

rbc_tf train-detector --experiment=rbc_fasterrcnn_resnet_fpn --config_file=chula_r101_fpn_cpu \\
    --records_dir=records --model_dir=runs/detector --mode=train_and_eval
"""

from absl import flags

REQUIRED = ("experiment", "model_dir")

_EXPERIMENT = flags.DEFINE_string(
    "experiment",
    None,
    "rbc_fasterrcnn_resnet_stride16 or rbc_fasterrcnn_resnet_fpn.",
)
_CONFIG_FILE = flags.DEFINE_multi_string(
    "config_file",
    [],
    "YAML of settings; may be repeated, later ones win. Mode eval: params.yaml of model_dir.",
)
_PARAMS_OVERRIDE = flags.DEFINE_string(
    "params_override", "", "Settings as YAML or 'task.a=1,trainer.b=2'; they win over files."
)
_MODE = flags.DEFINE_enum(
    "mode", "train_and_eval", ["train", "train_and_eval", "eval"], "What to run."
)
_MODEL_DIR = flags.DEFINE_string(
    "model_dir", None, "Checkpoints and logs; an existing run of the same settings goes on."
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Train anew; what an earlier run has left in model_dir is deleted."
)
_RECORDS_DIR = flags.DEFINE_string(
    "records_dir", "", "Folder of TFRecords with records.json; sets task.records_dir."
)
_BACKBONE_CHECKPOINT = flags.DEFINE_string(
    "backbone_checkpoint",
    "",
    "'imagenet', a checkpoint, or 'none' for random weights; sets task.init_checkpoint.",
)
_SEED = flags.DEFINE_integer("seed", None, "Makes the run repeatable.")
_SPLIT = flags.DEFINE_enum(
    "split", "validation", ["train", "validation", "test"], "What mode eval scores."
)
_CHECKPOINT_PATH = flags.DEFINE_string(
    "checkpoint_path", "", "What mode eval scores; the best one of model_dir by default."
)
_WORKER_HOSTS = flags.DEFINE_string(
    "worker_hosts",
    "",
    "On several machines, the same everywhere: 'host:port,host:port', the chief first. model_dir "
    "and records_dir must be folders that all of them see. TF_CONFIG does as well.",
)
_TASK_INDEX = flags.DEFINE_integer(
    "task_index", None, "Place of this machine in worker_hosts, from 0."
)


def main() -> None:
    from rbc_tf.detection.garden import parameters, train

    sources = parameters.Sources(
        experiment=_EXPERIMENT.value,
        config_files=_CONFIG_FILE.value,
        params_override=_PARAMS_OVERRIDE.value,
        records_dir=_RECORDS_DIR.value,
        backbone_checkpoint=_BACKBONE_CHECKPOINT.value,
        seed=_SEED.value,
        worker_hosts=_WORKER_HOSTS.value,
        task_index=_TASK_INDEX.value,
    )
    scores = train.run(
        sources,
        _MODE.value,
        _MODEL_DIR.value,
        _SPLIT.value,
        _CHECKPOINT_PATH.value,
        _OVERWRITE.value,
    )
    for name, score in scores.items():
        print(f"{name}: {score:.4f}")
