"""Reading and writing configuration dataclasses: nothing unknown, nothing of the wrong type."""

import dataclasses
import difflib
import pathlib
import typing
from collections.abc import Callable, Sequence
from typing import TypeVar

import dacite

from rbc_tf.core import structured

Config = TypeVar("Config")

# Metadata of a field that came after files with its dataclass had been written: `to_dict` leaves it
# out where it has its default, so that the fingerprints of such files stay valid.
ADDED_LATER = {"added_later": True}

# Settings that come with rbc_tf: in a clone these folders lie beside the package, else within it.
FOLDERS = ("object_detection_configs", "classifier_configs")
_PACKAGE = pathlib.Path(__file__).parents[1]


def from_dict(config_class: type[Config], values: dict, ignore_unknown: bool = False) -> Config:
    """A config dataclass from a mapping; an unknown key or a wrong type raises ValueError.

    Keys that are left out keep the default of the dataclass. `ignore_unknown` is for records that
    other versions wrote: what they have beyond the dataclass is left out.
    """
    _require_lists(config_class, values)
    try:
        return dacite.from_dict(
            config_class,
            values,
            dacite.Config(
                strict=not ignore_unknown, cast=[tuple], type_hooks={float: _real, int: _whole}
            ),
        )
    except (dacite.DaciteError, TypeError) as error:  # the latter of what is no list where one is
        known = ", ".join(field.name for field in dataclasses.fields(config_class))  # type: ignore[arg-type]
        raise ValueError(f"{config_class.__name__}: {error}. Known settings: {known}") from error


def load(config_class: type[Config], path: str | pathlib.Path) -> Config:
    """A config dataclass from a YAML file; errors name the file."""
    try:
        return from_dict(config_class, _mapping(structured.load_yaml(path)))
    except ValueError as error:
        raise structured.named(path, error) from error


def find(name: str | pathlib.Path) -> pathlib.Path:
    """The file of some settings: a path, or the name of one that comes with rbc_tf.

    'chula_r101_fpn_cpu', 'chula_r101_fpn_cpu.yaml' and its path in a clone all lead to the same
    file; where a file of that path exists, it is taken.

    Raises:
        FileNotFoundError: there is neither; lists the names there are.
    """
    path = pathlib.Path(name)
    if path.is_file():
        return path
    shipped = _shipped()
    if path.parent.name in ("", *FOLDERS) and path.suffix in ("", ".yaml") and path.stem in shipped:
        return shipped[path.stem]
    near = difflib.get_close_matches(path.stem, shipped, n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    raise FileNotFoundError(
        f"A config file must exist, or be one of {', '.join(sorted(shipped))}. "
        f"Received: {name}{guess}"
    )


def _shipped() -> dict[str, pathlib.Path]:
    """Files of settings by name without ending."""
    places = [home / folder for folder in FOLDERS for home in (_PACKAGE, _PACKAGE.parent)]
    return {path.stem: path for place in places for path in sorted(place.glob("*.yaml"))}


def load_layers(
    config_class: type[Config],
    config_files: Sequence[str | pathlib.Path] = (),
    params_override: str = "",
) -> Config:
    """Defaults, then the files in their order, then the override; the last to speak wins.

    Args:
        config_class: the dataclass; mappings within mappings are merged key by key.
        config_files: YAML files such as `heads: {learning_rate: 1e-5}`, as `find` takes them.
        params_override: YAML of the same form.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: unknown or impossible settings, or no YAML mapping; names the source.
    """
    sources: list[tuple[str, Callable, str | pathlib.Path]] = [
        *((str(path), structured.load_yaml, find(path)) for path in config_files),
        ("params_override", structured.parse_yaml, params_override),
    ]
    values: dict = {}
    for source, read, given in sources:
        try:
            values = _merge(values, _mapping(read(given)))
            from_dict(config_class, values)
        except ValueError as error:
            raise structured.named(source, error) from error
    return from_dict(config_class, values)


def to_dict(config) -> dict:
    """The settings as plain values, for JSON, YAML and fingerprints; sequences are lists."""
    return {
        field.name: _plain(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if not (field.metadata == ADDED_LATER and getattr(config, field.name) == field.default)
    }


def _require_lists(config_class: type, values) -> None:
    """A text where a list is asked for would be taken letter by letter."""
    if not isinstance(values, dict):
        return
    for name, kind in typing.get_type_hints(config_class).items():
        value = values.get(name)
        kinds = (kind, *typing.get_args(kind))  # of "a list or nothing", too
        if isinstance(value, str) and any(typing.get_origin(one) is tuple for one in kinds):
            given = structured.shown(value)
            raise ValueError(f"{config_class.__name__}: {name} must be a list. Received: {given}")
        if dataclasses.is_dataclass(kind):
            _require_lists(typing.cast(type, kind), value)


def _mapping(values) -> dict:
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"a mapping of settings is required. Received: {structured.shown(values)}")
    return values


def _merge(base: dict, more: dict) -> dict:
    merged = dict(base)
    for key, value in more.items():
        both = isinstance(merged.get(key), dict) and isinstance(value, dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _plain(value):
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _real(value):
    # YAML writes 1e-5 as a string and 1 as an integer; both are meant as numbers, true is not.
    if isinstance(value, bool):
        raise ValueError(f"a number is required. Received: {value}")
    if isinstance(value, str):
        return structured.real(value)
    try:
        return float(value) if isinstance(value, int) else value
    except OverflowError as error:
        raise ValueError(f"a number is required. Received: {structured.shown(value)}") from error


def _whole(value):
    # For Python, true is 1.
    if isinstance(value, bool):
        raise ValueError(f"a whole number is required. Received: {value}")
    return value
