"""The files in classifier_configs: settings of heads and of backbones."""

import dataclasses
import pathlib
import re

import pytest

from rbc_tf.classification.calibration import CalibrationConfig
from rbc_tf.classification.fit import ClassifierConfig
from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.core import config as config_lib
from rbc_tf.evaluation.baselines.inputs import BaselinesConfig
from rbc_tf.features.augmentation import AugmentationConfig
from rbc_tf.features.finetuning import FinetuningConfig

_ROOT = pathlib.Path(__file__).parents[1]
_FILES = sorted((_ROOT / "classifier_configs").iterdir())


def load(name):
    config_class = FinetuningConfig if name.endswith("_backbone.yaml") else ClassifierConfig
    return config_lib.load(config_class, _ROOT / "classifier_configs" / name)


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.name)
def test_every_file_loads_and_says_what_it_is_for(path):
    load(path.name)
    text = path.read_text(encoding="utf-8")
    header = text[: re.search(r"^[^#]", text, re.MULTILINE).start()]
    assert f"--config_file={path.stem}" in header
    for line in ("# Hardware: ", "# Time: ", "# Score"):
        assert line in header
    assert max(map(len, text.splitlines())) <= 100


def test_a_setting_that_does_not_exist_is_refused(tmp_path):
    path = tmp_path / "wrong.yaml"
    text = (_ROOT / "classifier_configs" / "chula_heads.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("patience", "patienc"))
    with pytest.raises(ValueError, match="patienc"):
        config_lib.load_layers(ClassifierConfig, [path])


def test_the_paper_s_settings_are_the_defaults_at_plain_thresholds():
    assert load("paper_heads.yaml") == ClassifierConfig(calibration=CalibrationConfig("plain"))


def test_chula_settings():
    chosen = HeadsConfig(
        hidden_units=128,
        learning_rate=3e-4,
        batch_size=64,
        l2=1e-3,
        max_epochs=30,
        patience=6,
        standardise=True,
    )
    assert load("chula_heads.yaml") == ClassifierConfig(heads=chosen)
    path = _ROOT / "classifier_configs" / "chula_heads.yaml"
    assert config_lib.load_layers(BaselinesConfig, [path]).heads == chosen
    short = FinetuningConfig(epochs=4, precision="mixed_bfloat16")
    assert load("chula_short_backbone.yaml") == short
    varied = AugmentationConfig(stain=0.25, light=25.0, contrast=0.35)
    long = dataclasses.replace(short, epochs=16, augmentation=varied)
    assert load("chula_long_backbone.yaml") == long


def test_scripts_name_files_that_are_there():
    named = set()
    for script in (_ROOT / "tools").glob("*.sh"):
        named |= set(re.findall(r"classifier_configs/[\w.]+", script.read_text(encoding="utf-8")))
    assert {"classifier_configs/demo_heads.yaml", "classifier_configs/chula_heads.yaml"} <= named
    assert all((_ROOT / name).is_file() for name in named)
