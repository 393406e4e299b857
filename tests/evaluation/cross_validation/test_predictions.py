import dataclasses

import numpy as np
import pytest

from rbc_tf.evaluation.cross_validation.predictions import Predictions
from tests import builders


def make_predictions(labels, **columns):
    count = len(labels)
    probabilities = {"A": np.full((count, 2), 0.1), "B": np.zeros((count, 2))}
    columns = {
        "groups": np.array([f"gruppe ä{n % 2}" for n in range(count)], dtype=str),
        "boxes": np.arange(4.0 * count).reshape(count, 4),
        "folds": np.arange(count) % 2,
        "abnormal": np.full(count, 1 / 3),
    } | columns
    return builders.predictions(("Oval", "Elon"), labels, probabilities, **columns)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_saved_predictions_are_read_again(tmp_path, count):
    written = make_predictions([[1, 0], [0, -1], [1, 1]][:count])
    written.save(tmp_path / "predictions.npz")
    read = Predictions.load(tmp_path / "predictions.npz")
    assert read.names == ("Oval", "Elon")
    assert list(read.probabilities) == ["A", "B"]
    for field in dataclasses.fields(Predictions):
        if field.name not in ("names", "probabilities"):
            np.testing.assert_array_equal(getattr(read, field.name), getattr(written, field.name))
    np.testing.assert_array_equal(read.probabilities["A"], written.probabilities["A"])
    dtypes = {name: getattr(read, name).dtype for name in ("labels", "folds", "abnormal")}
    assert dtypes == {"labels": np.int8, "folds": np.int32, "abnormal": np.float64}


def test_what_is_scored_and_its_subsets():
    # Complete but with an unknown type (as no import makes it), incomplete, and two complete ones.
    predictions = make_predictions(
        [[1, -1], [1, 0], [1, 1], [0, 0]], num_cells=[2, 2, 2, 1], complete=[1, 0, 1, 1]
    )
    predictions = dataclasses.replace(predictions, complete=predictions.complete.astype(bool))
    assert predictions.scored.tolist() == [False, False, True, True]
    assert predictions.single_cell.tolist() == [False, False, False, True]
    assert predictions.several_types.tolist() == [False, False, True, False]
    chosen = predictions.select(predictions.scored)
    assert chosen.images.tolist() == ["image2", "image3"]
    assert chosen.probabilities["B"].shape == (2, 2)


def test_wrong_shapes_are_refused():
    predictions = make_predictions([[1, 0], [0, 1]])
    with pytest.raises(ValueError, match=r"`folds` .* \[2\].*Received: \[3\]"):
        dataclasses.replace(predictions, folds=np.zeros(3, np.int32))
    with pytest.raises(ValueError, match="`probabilities/B` must have"):
        dataclasses.replace(predictions, probabilities={"B": np.zeros((2, 3))})


@pytest.mark.parametrize("damage", ["text", "other", "pickle"])
def test_other_files_are_refused(tmp_path, damage):
    path = tmp_path / "predictions.npz"
    if damage == "text":
        path.write_text("nonsense")
    elif damage == "other":
        np.savez(path, features=np.zeros(3))
    else:
        np.savez(path, names=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match=r"predictions\.npz must hold"):
        Predictions.load(path)
