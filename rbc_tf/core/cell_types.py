"""The list of cell types a model knows, in order, and which of them are abnormal."""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import yaml

from rbc_tf.core import files, structured

# The `type` of a labelled cell that the chosen list does not name (or that the expert left
# uncategorised). It marks the cell as seen; its region is no example for classification.
OTHER = "other"

# Separates the types of one region in CSV files.
SEPARATOR = ";"


@dataclasses.dataclass(frozen=True)
class CellType:
    """One type: `name` as in files, `display_name` for people, `abnormal` for diagnosis."""

    name: str
    display_name: str
    abnormal: bool

    def __post_init__(self):
        for key in ("name", "display_name"):
            if not isinstance(getattr(self, key), str):
                # YAML reads 5, yes and 2024-01-01 as a number, a truth value and a date.
                raise ValueError(
                    f"`{key}` of a cell type must be text, in quotes where it looks like a number, "
                    f"a date, true or false. Received: {structured.shown(getattr(self, key))}"
                )
        if not self.name or self.name != self.name.strip() or SEPARATOR in self.name:
            raise ValueError(
                f"The name of a cell type must be non-empty, without '{SEPARATOR}' and without "
                f"spaces at its ends. Received: {self.name!r}"
            )
        if self.name == OTHER:
            raise ValueError(f"'{OTHER}' is reserved for cells whose type is not in the list.")
        if not isinstance(self.abnormal, bool):
            raise ValueError(
                f"`abnormal` of cell type '{self.name}' must be true or false. "
                f"Received: {self.abnormal!r}"
            )


@dataclasses.dataclass(frozen=True)
class CellTypes:
    """An ordered list of cell types; the order is that of every label and probability vector."""

    types: tuple[CellType, ...]

    def __post_init__(self):
        names = [t.name for t in self.types]
        if not names:
            raise ValueError("A list of cell types must name at least one type.")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"Names of cell types must be unique. Received twice: {twice}")

    def __len__(self) -> int:
        return len(self.types)

    def __iter__(self) -> Iterator[CellType]:
        return iter(self.types)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(t.name for t in self.types)

    @property
    def abnormal(self) -> np.ndarray:
        """bool [T], True where the type is abnormal."""
        return np.array([t.abnormal for t in self.types], dtype=bool)

    def index(self, name: str) -> int:
        """The place of a type in the order; raises ValueError for an unknown name."""
        if name not in self.names:
            raise ValueError(f"Unknown cell type '{name}'. Known types: {', '.join(self.names)}")
        return self.names.index(name)

    def encode(self, names: Sequence[str]) -> np.ndarray:
        """int8 [T], 1 for each type in `names` and 0 for the others."""
        labels = np.zeros(len(self), dtype=np.int8)
        for name in names:
            labels[self.index(name)] = 1
        return labels

    def to_list(self) -> list[dict]:
        return [dataclasses.asdict(t) for t in self.types]

    @classmethod
    def from_list(cls, entries: Sequence[dict]) -> "CellTypes":
        """From mappings of `name`, `display_name` and `abnormal`; raises ValueError."""
        if not isinstance(entries, list | tuple):
            raise ValueError(f"Cell types must be a list. Received: {structured.shown(entries)}")
        return cls(tuple(_cell_type(entry, number) for number, entry in enumerate(entries, 1)))

    def save(self, path: str | pathlib.Path) -> None:
        text = yaml.safe_dump({"types": self.to_list()}, sort_keys=False, allow_unicode=True)
        with files.atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "CellTypes":
        """Reads a YAML file `types: [{name, display_name, abnormal}, ...]`.

        Raises ValueError, naming the file, where it is not such a list.
        """
        try:
            content = structured.load_yaml(path)
            if not isinstance(content, dict) or set(content) != {"types"}:
                raise ValueError("The file must hold one key, 'types', with a list of types.")
            return cls.from_list(content["types"] or [])
        except ValueError as error:
            raise structured.named(path, error) from error


def _cell_type(entry: dict, number: int) -> CellType:
    keys = {"name", "display_name", "abnormal"}
    line = getattr(entry, "line", None)
    try:
        if not isinstance(entry, dict) or set(entry) != keys:
            raise ValueError(
                f"Cell type number {number} must have exactly the keys {sorted(keys)}. "
                f"Received: {structured.shown(entry)}"
            )
        return CellType(**entry)
    except ValueError as error:
        raise ValueError(f"line {line}: {error}" if line else str(error)) from error


# The paper's six, in its order (Data section; see the README for what each stands for).
PAPER = CellTypes(
    (
        CellType("Oval", "Oval + Disc", abnormal=False),
        CellType("Elon", "Elongated + Sickle", abnormal=True),
        CellType("Reti", "Reticulocytes", abnormal=True),
        CellType("Gran", "Granular", abnormal=True),
        CellType("Echi", "Echinocytes", abnormal=True),
        CellType("Stom", "Stomatocyte", abnormal=True),
    )
)
