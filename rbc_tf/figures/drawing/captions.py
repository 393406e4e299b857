"""Captions: what a figure shows, of which images, chosen how, with which counts and thresholds."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence

import numpy as np

from rbc_tf.core import files, names, structured

CAPTIONS_JSON, CAPTIONS_MARKDOWN = "captions.json", "captions.md"

# The objective of thresholds that were given, not chosen on data.
PLAIN = "plain"


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the pictures come from.

    Attributes:
        dataset: name of the dataset folder.
        split: the images looked at, 'test' unless the user chooses another.
        num_images: how many images that split has.
        seed: of every random choice.
    """

    dataset: str
    split: str
    num_images: int
    seed: int

    def __str__(self) -> str:
        return (
            f"the {count(self.num_images, 'image')} of the split '{self.split}' of {self.dataset}"
        )

    def facts(self, **more) -> dict:
        """Plain values for a caption: these, and more."""
        return dataclasses.asdict(self) | more


@dataclasses.dataclass(frozen=True)
class Caption:
    """The caption of one figure: its number in the paper, a title, sentences, and plain values."""

    number: int
    title: str
    text: str
    facts: dict


@dataclasses.dataclass(frozen=True, eq=False)
class Thresholds:
    """Above which probability each type is predicted.

    Attributes:
        names: of the T types.
        values: float [T].
        objective: what they were chosen for on validation images; PLAIN where they were not.
        at_least_one: where none is predicted, the type of highest probability is.
    """

    names: tuple[str, ...]
    values: np.ndarray
    objective: str = PLAIN
    at_least_one: bool = False

    def __str__(self) -> str:
        """In words, one number where all are the same."""
        if len(set(self.values)) == 1:
            text = f"{self.values[0]:g} for every type"
        else:
            pairs = zip(self.names, self.values, strict=True)
            text = ", ".join(f"{name} {value:.3g}" for name, value in pairs)
        if self.objective != PLAIN:
            text += f"; chosen on validation images for {self.objective.replace('_', ' ')}"
        if self.at_least_one:
            text += "; where none is predicted, that of highest probability"
        return text

    def facts(self) -> dict[str, float]:
        return dict(zip(self.names, map(float, self.values), strict=True))


def count(number: int, noun: str, plural: str = "") -> str:
    """'1 region', '2 regions', '8,539 regions'."""
    return names.number(number, noun, plural)


def listing(words: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    words = list(words)
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def write(folder: str | pathlib.Path, caption: Caption) -> None:
    """Writes a caption into captions.json and captions.md, in the order of the figures.

    Captions that the folder already has of other figures stay, as their pictures do.

    Raises:
        ValueError: the folder's captions.json is none of ours.
    """
    folder = pathlib.Path(folder)
    path = folder / CAPTIONS_JSON
    known = _read(path) if path.exists() else {}
    entry = {"title": caption.title, "text": caption.text, "facts": caption.facts}
    known[str(caption.number)] = json.loads(json.dumps(entry, default=_plain))
    known = {number: known[number] for number in sorted(known, key=int)}
    files.write_json(path, known)
    lines = [f"**Figure {n}. {entry['title']}.** {entry['text']}\n" for n, entry in known.items()]
    with files.atomic_path(folder / CAPTIONS_MARKDOWN) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")


def _read(path: pathlib.Path) -> dict:
    try:
        known = structured.load_json(path)
        if not isinstance(known, dict) or not all(map(_is_entry, known.items())):
            raise ValueError("titles and texts by number of the figure are required")
        return known
    except ValueError as error:
        raise ValueError(f"{path}: must hold captions of figures ({error})") from error


def _is_entry(item: tuple) -> bool:
    number, entry = item
    return number.isdigit() and isinstance(entry, dict) and {"title", "text"} <= set(entry)


def _plain(value):
    """NumPy values as JSON has them."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
