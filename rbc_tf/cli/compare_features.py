"""Compares features, and settings of the heads, on one split; validation chooses.

rbc_tf compare-features --features_dir=random --features_dir=finetuned \\
    --heads='paper={}' --heads='fast={learning_rate: 3e-4, batch_size: 256}' --output_dir=compared
"""

import typing

from absl import flags

if typing.TYPE_CHECKING:
    from rbc_tf.classification.heads import HeadsConfig

REQUIRED = ("output_dir",)

_FEATURES_DIR = flags.DEFINE_multi_string("features_dir", [], "Folder of extract-features.")
_HEADS = flags.DEFINE_multi_string(
    "heads",
    ["paper={}"],
    "NAME=SETTINGS of the heads, as YAML, or NAME=FILE of classifier settings.",
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the tables.")


def main() -> None:
    from rbc_tf.core import config as config_lib
    from rbc_tf.core import text_table
    from rbc_tf.evaluation.features import run, scores, tables

    if not _FEATURES_DIR.value:
        raise ValueError("--features_dir must be given once or more. Received: none")
    heads = {name: _settings(values) for name, values in map(_named, _HEADS.value)}
    candidates = run.compare_features(_FEATURES_DIR.value, heads)
    best = scores.best_of(candidates)
    settings = {name: config_lib.to_dict(config) for name, config in heads.items()}
    tables.write(_OUTPUT_DIR.value, candidates, best, settings)
    print(text_table.console(tables.choice_table(candidates, best)))


def _named(setting: str) -> tuple[str, str]:
    name, separator, values = setting.partition("=")
    if not (name and separator):
        raise ValueError(f"--heads must be NAME=SETTINGS. Received: {setting!r}")
    return name, values


def _settings(values: str) -> "HeadsConfig":
    from rbc_tf.classification.fit import ClassifierConfig
    from rbc_tf.classification.heads import HeadsConfig
    from rbc_tf.core import config

    if values.endswith((".yaml", ".yml")):
        return config.load_layers(ClassifierConfig, [values]).heads
    return config.load_layers(HeadsConfig, params_override=values)
