"""From the names of types in a file to those of a list of types."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from rbc_tf.core.cell_types import OTHER, CellTypes


def parse_renames(pairs: Sequence[str]) -> dict[str, str]:
    """{OLD: NEW} of 'OLD=NEW' texts; raises ValueError for another form or an OLD given twice."""
    renames = {}
    for pair in pairs:
        old, sign, new = (part.strip() for part in pair.rpartition("="))
        if not sign or not old or old in renames:
            raise ValueError(f"OLD=NEW is required, each OLD once. Received: {', '.join(pairs)}")
        renames[old] = new
    return renames


class TypeNames:
    """Translates names; collects those that it does not know, so that all are reported at once."""

    def __init__(self, cell_types: CellTypes, renames: Mapping[str, str], ignored: Collection[str]):
        """
        Args:
            cell_types: the list of types.
            renames: from a name in the file to one in the list, to 'other', or to '', which says
                nothing of the type.
            ignored: what is of such a type is left out.

        Raises:
            ValueError: a new name is not in the list, or a name is both renamed and ignored.
        """
        self._known = (*cell_types.names, OTHER)
        wrong = sorted({new for new in renames.values() if new and new not in self._known})
        if wrong:
            raise ValueError(
                f"names can be mapped to {', '.join(self._known)} or to nothing. "
                f"Received: {', '.join(wrong)}"
            )
        both = sorted(set(renames) & set(ignored))
        if both:
            raise ValueError(f"names can be mapped or ignored. Both: {', '.join(both)}")
        self._renames = dict(renames)
        self._ignored = frozenset(ignored)
        self._unknown: dict[str, list[str]] = {}

    def is_ignored(self, names: Iterable[str]) -> bool:
        """Whether any of the names is one to leave out."""
        return any(name.strip() in self._ignored for name in names)

    def translate(self, names: Iterable[str], where: str) -> tuple[str, ...]:
        """The names in the list, sorted, each once; unknown ones are noted and left out."""
        found = set()
        for name in (name.strip() for name in names):
            new = self._renames.get(name, name)
            if new and new not in self._known:
                self._unknown.setdefault(name, []).append(where)
            elif new:
                found.add(new)
        return tuple(sorted(found))

    def problems(self) -> list[str]:
        """One line for each unknown name."""
        return [
            f"unknown type '{name}', {len(places)} times, first at {places[0]}. Known: "
            f"{', '.join(self._known)}. List it in the cell types, or use --map='{name}=TYPE', "
            f"--map='{name}={OTHER}', --map='{name}=' (type unknown) or "
            f"--ignore='{name}'"
            for name, places in self._unknown.items()
        ]
