"""Exports a trained detector as a SavedModel.

rbc_tf export-detector --model_dir=runs/detector --export_dir=detector
"""

from absl import flags

REQUIRED = ("export_dir",)

_MODEL_DIR = flags.DEFINE_string(
    "model_dir", "", "Run that gives the settings and the best checkpoint."
)
_EXPERIMENT = flags.DEFINE_string(
    "experiment", "", "Experiment of the settings; params.yaml of model_dir by default."
)
_CONFIG_FILE = flags.DEFINE_multi_string(
    "config_file", [], "YAML of settings; params.yaml of model_dir by default."
)
_PARAMS_OVERRIDE = flags.DEFINE_string(
    "params_override", "", "Settings as YAML or 'task.a=1,task.b=2'; they win over files."
)
_CHECKPOINT_PATH = flags.DEFINE_string(
    "checkpoint_path", "", "Checkpoint; the best one of model_dir by default."
)
_EXPORT_DIR = flags.DEFINE_string("export_dir", None, "Folder to write.")
_INPUT_TYPE = flags.DEFINE_enum(
    "input_type",
    "image_tensor",
    ("image_tensor", "image_bytes", "tf_example"),
    "What the model takes.",
)
_INPUT_IMAGE_SIZE = flags.DEFINE_list(
    "input_image_size", [], "height,width to which images are scaled; that of training by default."
)


def main() -> None:
    from rbc_tf.detection.garden import export, parameters

    sources = parameters.Sources(
        experiment=_EXPERIMENT.value,
        config_files=_CONFIG_FILE.value,
        params_override=_PARAMS_OVERRIDE.value,
    )
    export.run(
        sources,
        _MODEL_DIR.value,
        _CHECKPOINT_PATH.value,
        _EXPORT_DIR.value,
        _INPUT_TYPE.value,
        _INPUT_IMAGE_SIZE.value,
    )
