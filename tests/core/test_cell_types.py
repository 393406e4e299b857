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
