import dataclasses
import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingClassifier

from rbc_tf.classification import abnormality
from rbc_tf.classification.abnormality import (
    AbnormalityModel,
    BoostingConfig,
    abnormality_labels,
    fit_abnormality,
    from_scikit_learn,
)
from rbc_tf.core.cell_types import PAPER, CellType, CellTypes

TYPES = CellTypes((CellType("Oval", "Oval", False), CellType("Elon", "Elongated", True)))

# Tree 0: Elon <= 0.5 gives -2, else 3. Tree 1: a leaf of 1.
STUMP = {
    "names": ["Oval", "Elon"],
    "baseline": 0.25,
    "learning_rate": 0.5,
    "roots": [0, 3],
    "feature": [1, 0, 0, 0],
    "threshold": [0.5, 0.0, 0.0, 0.0],
    "left": [1, -1, -1, -1],
    "right": [2, -1, -1, -1],
    "value": [0.0, -2.0, 3.0, 1.0],
}


def fitted(count=300, types=6, seed=0, **settings):
    """A boosting on values with many ties, and the values it learnt from."""
    rng = np.random.default_rng(seed)
    values = (rng.integers(0, 21, (count, types)) / 20).astype(np.float32)
    truth = (values[:, 0] + rng.normal(0, 0.3, count) > values[:, -1]).astype(int)
    boosting = GradientBoostingClassifier(random_state=seed, **settings).fit(values, truth)
    return boosting, values


def test_a_tree_by_hand():
    model = AbnormalityModel(**STUMP)
    # At 0.5 and below: 0.25 + 0.5 (-2 + 1) = -0.25; above: 0.25 + 0.5 (3 + 1) = 2.25.
    low, high = 1 / (1 + np.exp(0.25)), 1 / (1 + np.exp(-2.25))
    found = model.predict([[0.9, 0.2], [0.1, 0.5], [0.1, 0.500001]])
    np.testing.assert_allclose(found, [low, low, high], rtol=1e-15)


def test_values_are_compared_as_float32():
    # float32(0.1) is 0.100000001490116, above the float64 0.1: to the right, as scikit-learn does.
    model = AbnormalityModel(**{**STUMP, "threshold": [0.1, 0.0, 0.0, 0.0]})
    assert model.predict([[0.0, 0.1]])[0] > 0.5


@pytest.mark.parametrize(
    "settings", [{}, {"max_depth": 1}, {"max_depth": 6, "n_estimators": 30}, {"subsample": 0.5}]
)
def test_equals_scikit_learn(settings):
    boosting, values = fitted(**settings)
    model = from_scikit_learn(boosting, PAPER.names)
    thresholds = np.unique(model.threshold).astype(np.float32)
    rng = np.random.default_rng(1)
    inputs = [
        values,
        rng.random((500, 6)).astype(np.float32),
        rng.choice(thresholds, (500, 6)),  # on the thresholds
        np.nextafter(rng.choice(thresholds, (500, 6)), np.float32(2)),
        np.array([[0] * 6, [1] * 6], np.float32),
    ]
    for given in inputs:
        expected = boosting.predict_proba(given)[:, 1]
        np.testing.assert_allclose(model.predict(given), expected, rtol=0, atol=1e-14)


@hypothesis.given(
    seed=st.integers(0, 10**6),
    types=st.integers(1, 8),
    depth=st.integers(1, 4),
    trees=st.integers(1, 8),
)
@hypothesis.settings(max_examples=15)
def test_equals_scikit_learn_whatever_the_trees(seed, types, depth, trees):
    rng = np.random.default_rng(seed)
    values = rng.random((40, types)).astype(np.float32)
    truth = np.arange(40) % 2
    boosting = GradientBoostingClassifier(n_estimators=trees, max_depth=depth, random_state=seed)
    boosting.fit(values, truth)
    model = from_scikit_learn(boosting, [str(i) for i in range(types)])
    expected = boosting.predict_proba(values)[:, 1]
    np.testing.assert_allclose(model.predict(values), expected, rtol=0, atol=1e-14)


def test_saved_model_is_read_bit_by_bit(tmp_path):
    boosting, values = fitted()
    model = from_scikit_learn(boosting, PAPER.names)
    model.save(tmp_path / "abnormality.json")
    loaded = abnormality.load(tmp_path / "abnormality.json")
    for field in dataclasses.fields(model):
        np.testing.assert_array_equal(getattr(loaded, field.name), getattr(model, field.name))
        first, second = getattr(loaded, field.name), getattr(model, field.name)
        assert getattr(first, "dtype", None) == getattr(second, "dtype", None)
    np.testing.assert_array_equal(loaded.predict(values), model.predict(values))


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_prediction_in_parts_changes_nothing(count, monkeypatch):
    model = AbnormalityModel(**STUMP)
    values = np.random.default_rng(0).random((count, 2))
    expected = model.predict(values)
    assert expected.shape == (count,)
    monkeypatch.setattr(abnormality, "_PREDICTION_ROWS", 2)
    np.testing.assert_array_equal(model.predict(values), expected)


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.zeros(2), np.full((1, 2), np.nan)])
def test_impossible_probabilities_are_refused(values):
    with pytest.raises(ValueError, match="`probabilities` must"):
        AbnormalityModel(**STUMP).predict(values)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("left", [0, -1, -1, -1], "node 0"),  # its own child
        ("right", [2, 0, -1, -1], "node 1"),  # back to the root: a cycle
        ("left", [3, -1, -1, -1], "node 0"),  # into the next tree
        ("left", [99, -1, -1, -1], "node 0"),
        ("left", [-1, -1, -1, -1], "node 0"),  # one child only
        ("left", [-2, -1, -1, -1], "node 0"),
        ("feature", [2, 0, 0, 0], "feature"),
        ("feature", [-1, 0, 0, 0], "feature"),
        ("feature", [0.5, 0, 0, 0], "integers"),
        ("feature", [1, 0, 0], "equally long"),
        ("feature", [2**40, 0, 0, 0], "too large"),
        ("feature", [10**40, 0, 0, 0], "feature"),
        ("roots", [1, 3], "rise from 0"),
        ("roots", [0, 4], "rise from 0"),
        ("roots", [0, 3, 3], "rise from 0"),
        ("roots", [], "rise from 0"),
        ("value", [0.0, float("nan"), 0.0, 0.0], "finite"),
        ("value", [0.0, "x", 0.0, 0.0], "value"),
        ("value", [[0.0], [0.0], [0.0], [0.0]], "value"),
        ("value", [[0.0], 0.0], "value"),
        ("threshold", None, "threshold"),
        ("threshold", {"a": 1}, "threshold"),
        ("baseline", float("inf"), "finite"),
        ("baseline", "high", "baseline"),
        ("baseline", [1.0], "baseline"),
        ("names", [], "names"),
        ("names", [1, 2], "names"),
        ("names", "ab", "names"),
    ],
)
def test_malformed_files_are_refused(tmp_path, name, value, message):
    path = tmp_path / "abnormality.json"
    path.write_text(json.dumps({"format_version": 1, **STUMP, name: value}))
    with pytest.raises(ValueError, match=f"abnormality.json holds no abnormality model.*{message}"):
        abnormality.load(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        "{}",
        json.dumps({"format_version": 2, **STUMP}),
        json.dumps({"format_version": 1, **STUMP, "more": 1}),
        json.dumps(STUMP),
    ],
)
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "abnormality.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"abnormality\.json holds no"):
        abnormality.load(path)


def test_labels_of_abnormality():
    labels = np.array(
        [
            [1, 0, 0],  # all known, none abnormal
            [0, 1, -1],  # one abnormal type is enough
            [1, 0, -1],  # the other abnormal type may be there
            [-1, 0, 0],  # no abnormal type; the normal one does not matter
            [-1, -1, -1],
        ],
        np.int8,
    )
    found = abnormality_labels(labels, [False, True, True])
    assert found.tolist() == [0, 1, -1, 0, -1]
    assert found.dtype == np.int8


def test_boosting_learns_what_is_known_only():
    rng = np.random.default_rng(0)
    probabilities = rng.random((200, 2)).astype(np.float32)
    labels = np.stack([np.ones(200), probabilities[:, 1] > 0.5], axis=1).astype(np.int8)
    config = BoostingConfig(n_estimators=20)
    expected = fit_abnormality(probabilities, labels, TYPES, config)
    np.testing.assert_array_equal(expected.predict(probabilities) > 0.5, labels[:, 1] == 1)
    unknown = np.full((50, 2), -1, np.int8)
    more = np.concatenate([probabilities, rng.random((50, 2)).astype(np.float32)])
    found = fit_abnormality(more, np.concatenate([labels, unknown]), TYPES, config)
    np.testing.assert_array_equal(found.predict(more), expected.predict(more))


@pytest.mark.parametrize(("label", "answer"), [(0, 0.0), (1, 1.0)])
def test_one_class_gives_a_constant_and_a_warning(label, answer, caplog, tmp_path):
    labels = np.array([[1, label], [1, label], [1, -1]], np.int8)
    probabilities = np.random.default_rng(0).random((3, 2))
    model = fit_abnormality(probabilities, labels, TYPES, BoostingConfig())
    assert "the model will predict this always" in caplog.text
    model.save(tmp_path / "abnormality.json")
    loaded = abnormality.load(tmp_path / "abnormality.json")
    np.testing.assert_allclose(loaded.predict(probabilities), answer, atol=1e-12)


def test_nothing_known_is_refused():
    with pytest.raises(ValueError, match="To learn abnormality"):
        fit_abnormality(np.zeros((2, 2)), np.full((2, 2), -1), TYPES, BoostingConfig())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_estimators", 0),
        ("max_depth", 0),
        ("learning_rate", 0.0),
        ("subsample", 0.0),
        ("subsample", 1.5),
        ("seed", -1),
    ],
)
def test_impossible_settings_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        BoostingConfig(**{name: value})
