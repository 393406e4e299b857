"""Reading and writing configuration dataclasses: nothing unknown, nothing of the wrong type."""

import dataclasses
import pathlib
from typing import TypeVar

import dacite
import yaml

Config = TypeVar("Config")


def from_dict(config_class: type[Config], values: dict) -> Config:
    """A config dataclass from a mapping; an unknown key or a wrong type raises ValueError.

    Keys that are left out keep the default of the dataclass.
    """
    try:
        return dacite.from_dict(
            config_class,
            values,
            dacite.Config(strict=True, cast=[tuple], type_hooks={float: _real}),
        )
    except dacite.DaciteError as error:
        known = ", ".join(field.name for field in dataclasses.fields(config_class))
        raise ValueError(f"{config_class.__name__}: {error}. Known settings: {known}") from error


def load(config_class: type[Config], path: str | pathlib.Path) -> Config:
    """A config dataclass from a YAML file; errors name the file."""
    try:
        values = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8")) or {}
        if not isinstance(values, dict):
            raise ValueError(f"a mapping of settings is required. Received: {values!r}")
        return from_dict(config_class, values)
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from error


def to_dict(config) -> dict:
    """The settings as plain values, for JSON, YAML and fingerprints."""
    return dataclasses.asdict(config)


def _real(value):
    # YAML writes 1e-5 as a string and 1 as an integer; both are meant as numbers, true is not.
    if isinstance(value, bool):
        raise ValueError(f"a number is required. Received: {value}")
    return float(value) if isinstance(value, int | str) else value
