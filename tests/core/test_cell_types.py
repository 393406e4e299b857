import itertools

import pytest

from rbc_tf.core.cell_types import PAPER, CellType, CellTypes
from rbc_tf.data.importers import chula


def test_the_papers_six():
    assert PAPER.names == ("Oval", "Elon", "Reti", "Gran", "Echi", "Stom")
    assert PAPER.abnormal.tolist() == [False, True, True, True, True, True]
    assert PAPER.encode(["Stom", "Oval"]).tolist() == [1, 0, 0, 0, 0, 1]
    assert PAPER.index("Gran") == 3
    with pytest.raises(ValueError, match=r"cell type 'Ovel'.*Oval"):
        PAPER.index("Ovel")


def test_a_list_comes_back_from_a_file(tmp_path):
    types = CellTypes((CellType("a b", "Zelle é", True), CellType("c", "C", False)))
    types.save(tmp_path / "types.yaml")
    assert CellTypes.load(tmp_path / "types.yaml") == types


# Each alias stands for nine of the one before.
_CHAIN = list(itertools.pairwise("abcdefghi"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "one key, 'types'"),
        ("types: []", "at least one type"),
        ("types: [{name: x, display_name: X}]", "number 1 must have exactly the keys"),
        ("types: [{name: x, display_name: X, abnormal: 1}]", "true or false"),
        ("types: [{name: 'x;y', display_name: X, abnormal: true}]", "without ';'"),
        ("types: [{name: other, display_name: X, abnormal: true}]", "reserved"),
        (
            "types: [{name: x, display_name: X, abnormal: true},"
            " {name: x, display_name: Y, abnormal: true}]",
            "twice: \\['x'\\]",
        ),
        ("types: [", "types.yaml"),
        ("types: 5", "must be a list. Received: 5"),
        ("types:\n- {name: 5, display_name: X, abnormal: true}", "line 2: `name` .* in quotes"),
        ("types: [{name: 2024-01-02, display_name: X, abnormal: true}]", "line 1: `name`"),
        ("types: [{name: yes, display_name: X, abnormal: true}]", "line 1: `name`"),
        ("types: [{name: x, display_name: [X], abnormal: true}]", "line 1: `display_name`"),
        ("types: [{name: x, display_name: 2020-01-01, abnormal: true}]", "line 1: `display_name`"),
        ("types: [{name: x, name: y, display_name: X, abnormal: true}]", "'name' is given twice"),
        (f"types: {'[' * 5000}{']' * 5000}", "at most 100 values may be nested"),
        (
            "types: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(f"k{n}: &{y} [{f'*{x}, ' * 9}]\n" for n, (x, y) in enumerate(_CHAIN)),
            "at most 20,000 values",
        ),
    ],
)
def test_bad_files_are_named(tmp_path, text, message):
    (tmp_path / "types.yaml").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        CellTypes.load(tmp_path / "types.yaml")
    assert "types.yaml" in str(caught.value)


@pytest.mark.parametrize("table", list(chula.TYPE_OF_ID))
def test_chula_tables_name_the_types_of_their_lists(table):
    assert set(chula.TYPE_OF_ID[table].values()) == set(chula.load_types(table).names)
