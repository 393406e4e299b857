"""Settings of a classifier from files and the command line; what is unknown is an error."""

import pathlib
from collections.abc import Sequence

import yaml

from rbc_tf import config
from rbc_tf.classification.fit import ClassifierConfig


def load_settings(
    config_files: Sequence[str | pathlib.Path] = (), params_override: str = ""
) -> ClassifierConfig:
    """Defaults, then the files in their order, then the override; the last to speak wins.

    Args:
        config_files: YAML files such as `heads: {learning_rate: 1e-5}`.
        params_override: YAML of the same form.

    Raises:
        ValueError: unknown or impossible settings, or no YAML mapping; names the source.
    """
    texts = [(str(path), pathlib.Path(path).read_text(encoding="utf-8")) for path in config_files]
    values = {}
    for source, text in [*texts, ("params_override", params_override)]:
        try:
            values = _merge(values, _mapping(text))
            config.from_dict(ClassifierConfig, values)
        except (ValueError, yaml.YAMLError) as error:
            raise ValueError(f"{source}: {error}") from error
    return config.from_dict(ClassifierConfig, values)


def _mapping(text: str) -> dict:
    values = yaml.safe_load(text)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"a mapping of settings is required. Received: {values!r}")
    return values


def _merge(base: dict, more: dict) -> dict:
    merged = dict(base)
    for key, value in more.items():
        both = isinstance(merged.get(key), dict) and isinstance(value, dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
