"""Table 1 against a plain computation with scikit-learn, fold by fold and resample by resample."""

import numpy as np
import pytest
from sklearn import metrics

from rbc_tf.core import score as score_lib
from rbc_tf.evaluation.cross_validation import scores as held_out
from rbc_tf.evaluation.cross_validation.scores import score_held_out
from rbc_tf.metrics import multilabel, region_scores
from rbc_tf.metrics.bootstrap import GroupBootstrap, interval
from tests import builders

NAMES = ("Oval", "Elon", "Reti")
ABNORMAL = np.array([False, True, True])


def make_predictions(seed=0, count=60, num_groups=9, num_folds=3):
    """Probabilities with ties, near the truth; the third type lies in one fold alone."""
    rng = np.random.default_rng(seed)
    group = np.sort(rng.integers(0, num_groups, count))
    labels = (rng.random((count, 3)) < [0.6, 0.4, 0.3]).astype(np.int8)
    labels[group % num_folds != 1, 2] = 0
    probabilities = {
        model: np.round(np.clip(0.3 * labels + rng.random((count, 3)) * 0.8, 0, 1), 1)
        for model in ("A", "B", "A_equal")
    }
    return builders.predictions(
        NAMES,
        labels,
        probabilities,
        groups=np.char.add("slide", group.astype(str)),
        num_cells=rng.integers(1, 3, count),
        folds=group % num_folds,
        abnormal=np.round(rng.random(count), 1),
    )


def bootstrap_of(predictions, num_resamples=12, seed=1):
    kinds = np.column_stack([predictions.single_cell, predictions.several_types])
    return GroupBootstrap(
        predictions.groups, predictions.folds, kinds, num_resamples=num_resamples, seed=seed
    )


def plain(predictions, model, subset, weights):
    """[AUC of each type, exact match] of rows with those weights [N]; nan where undefined."""
    rows = {
        "single_cell": predictions.single_cell,
        "multi_cell": ~predictions.single_cell,
        "several_types": predictions.several_types,
    }.get(subset, np.ones(len(predictions), bool))
    weights = weights * rows
    if subset == "reweighted":
        single = predictions.single_cell
        if not weights[single].any() or not weights[~single].any():
            return np.full(4, np.nan)
        weights = weights / np.where(single, weights[single].sum(), weights[~single].sum())
        weights = weights * np.where(single, 1080, 1389)
    used = weights > 0
    if not used.any():
        return np.full(4, np.nan)
    labels, probabilities = predictions.labels[used], predictions.probabilities[model][used]
    found = []
    for t in range(3):
        if len(set(labels[:, t])) < 2:
            found.append(np.nan)
        else:
            area = metrics.roc_auc_score(
                labels[:, t], probabilities[:, t], sample_weight=weights[used]
            )
            found.append(area)
    exact = ((probabilities > 0.5) == labels).all(axis=1)
    return np.array([*found, np.average(exact, weights=weights[used])])


def plain_mean(predictions, model, subset, weights):
    per_fold = [
        plain(predictions, model, subset, weights * (predictions.folds == fold))
        for fold in range(3)
    ]
    known = np.isfinite(per_fold)
    sums = np.nansum(per_fold, axis=0)
    return np.divide(sums, known.sum(0), out=np.full(4, np.nan), where=known.any(0)), per_fold


def check_score(found_score, mean, per_fold, pooled, mean_replicates, pooled_replicates):
    def same(found, expected):
        expected = None if expected is None or not np.isfinite(expected).all() else expected
        assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))

    same(found_score.mean, mean)
    same(found_score.pooled, pooled)
    for found, expected in zip(found_score.per_fold, per_fold, strict=True):
        same(found, expected)
    known = [value for value in per_fold if np.isfinite(value)]
    assert found_score.num_folds == len(known)
    same(found_score.std, np.std(known, ddof=1) if len(known) > 1 else None)
    same(found_score.mean_interval, interval(np.array(mean_replicates)))
    same(found_score.pooled_interval, interval(np.array(pooled_replicates)))


def score(predictions, num_resamples=12, seed=1):
    return score_held_out(predictions, ABNORMAL, num_resamples, seed)


def of(scores, model, subset="all", **of):
    """Scores of regions, or of what `of` says, by name."""
    found = score_lib.select(scores.over_folds, model=model, subset=subset, **of)
    keys = {"model", "subset", *of}
    return {found_score.name: found_score for found_score in found if set(found_score.of) == keys}


def auc_by_type(scores, model, subset="all"):
    return {name: of(scores, model, subset, type=name)["auc"] for name in NAMES}


def count(scores, name, **of):
    return score_lib.one(scores.counts, name, **of).value


@pytest.mark.parametrize(("seed", "subset"), list(enumerate(held_out.SUBSETS)))
def test_scores_and_differences_are_those_of_a_plain_computation(seed, subset):
    predictions = make_predictions(seed)
    found = score(predictions)
    resampled = bootstrap_of(predictions)
    of_row = resampled.weights[:, resampled.unit_of_row]
    pooled, means, folds = {}, {}, {}
    for model in ("A", "B"):
        pooled[model] = np.array([plain(predictions, model, subset, w) for w in of_row])
        of_folds = [plain_mean(predictions, model, subset, w) for w in of_row]
        means[model] = np.array([mean for mean, _ in of_folds])
        folds[model] = np.array(of_folds[0][1])
    pooled["A - B"], means["A - B"] = pooled["A"] - pooled["B"], means["A"] - means["B"]
    folds["A - B"] = folds["A"] - folds["B"]
    for model in ("A", "B", "A - B"):
        exact_match = of(found, model, subset)["exact_match"]
        for t, entry in enumerate([*auc_by_type(found, model, subset).values(), exact_match]):
            check_score(
                entry,
                means[model][0, t],
                folds[model][:, t],
                pooled[model][0, t],
                means[model][1:, t],
                pooled[model][1:, t],
            )


def test_all_regions_score_as_without_folds():
    predictions = make_predictions(4)
    found = score(predictions)
    for model in ("A", "B", "A_equal"):
        probabilities, labels = predictions.probabilities[model], predictions.labels
        exact = ((probabilities > 0.5) == labels).all(axis=1).mean()
        areas = [multilabel.roc_auc(labels[:, t], probabilities[:, t]) for t in range(3)]
        assert of(found, model)["exact_match"].pooled == pytest.approx(exact)
        assert [s.pooled for s in auc_by_type(found, model).values()] == pytest.approx(areas)
        assert of(found, model)["macro_auc"].pooled == pytest.approx(np.mean(areas))


def test_a_type_that_folds_lack_is_counted_and_never_a_number():
    predictions = make_predictions()
    found = score(predictions)
    auc, macro = auc_by_type(found, "A"), of(found, "A")["macro_auc"]
    reti = auc["Reti"]
    assert reti.num_folds == 1
    assert [value is None for value in reti.per_fold] == [True, False, True]
    assert (reti.mean, reti.std) == (reti.per_fold[1], None)
    held = predictions.groups[predictions.labels[:, 2] == 1]
    assert count(found, "n_positive", subset="all", type="Reti") == len(held) == reti.support
    assert count(found, "num_groups", subset="all", type="Reti") == len(set(held))
    assert count(found, "num_folds", subset="all", type="Reti") == 1
    # No fold but the second has all types; the mean over folds is that of the types' means.
    assert [value is None for value in macro.per_fold] == [True, False, True]
    assert macro.mean == pytest.approx(np.mean([entry.mean for entry in auc.values()]))


@pytest.mark.parametrize("value", [0, 1])
def test_a_type_that_no_region_or_every_region_has_is_left_out(value):
    predictions = make_predictions()
    predictions.labels[:, 1] = value
    found = score(predictions)
    auc = auc_by_type(found, "A")
    elon = auc["Elon"]
    assert (elon.mean, elon.pooled, elon.pooled_interval, elon.num_folds) == (None, None, None, 0)
    pooled = [auc["Oval"].pooled, auc["Reti"].pooled]
    assert of(found, "A")["macro_auc"].pooled == pytest.approx(np.mean(pooled))


def test_without_multi_cell_regions_their_scores_are_empty():
    predictions = make_predictions()
    predictions.num_cells[:] = 1
    found = score(predictions)
    for model, subset in (("A", "multi_cell"), ("B", "multi_cell"), ("A", "reweighted")):
        scores = of(found, model, subset)
        assert (scores["exact_match"].pooled, scores["exact_match"].mean) == (None, None)
        assert (scores["macro_auc"].mean, scores["macro_auc"].pooled) == (None, None)
    everything, single = (
        of(found, "A", subset)["exact_match"] for subset in ("all", "single_cell")
    )
    assert (everything.pooled, everything.per_fold) == (single.pooled, single.per_fold)
    assert count(found, "num_regions", subset="multi_cell") == 0


def test_the_paper_mixture_weighs_by_hand():
    # A is right on every single-cell region and on no other: 1080 / 2469 = 0.4374 of the paper's.
    predictions = make_predictions()
    single = predictions.single_cell[:, None]
    probabilities = np.where(single, predictions.labels, 1 - predictions.labels)
    predictions.probabilities["A"] = probabilities.astype(np.float32)
    found = score(predictions)
    exact = {subset: of(found, "A", subset)["exact_match"] for subset in held_out.SUBSETS}
    assert exact["single_cell"].pooled == 1
    assert exact["multi_cell"].pooled == 0
    assert exact["reweighted"].pooled == pytest.approx(1080 / 2469)
    assert exact["reweighted"].pooled_interval == pytest.approx((1080 / 2469, 1080 / 2469))


def test_equal_models_do_not_differ_however_groups_are_drawn():
    predictions = make_predictions()
    predictions.probabilities["B"] = predictions.probabilities["A"]
    found = score(predictions)
    for subset in held_out.SUBSETS:
        exact = of(found, "A - B", subset)["exact_match"]
        assert (exact.pooled, exact.pooled_interval, exact.mean_interval) == (0, (0, 0), (0, 0))


def test_outcomes_where_several_types_are_true():
    # Truth of all rows: the first two types, but of the last all three.
    predicted = [
        ([0, 0, 0], "no_type"),
        ([1, 0, 0], "one_right"),
        ([0, 0, 1], "one_wrong"),
        ([1, 1, 0], "all_right"),
        ([1, 1, 1], "several_wrong"),
        ([1, 0, 1], "several_wrong"),
        ([0, 1, 1], "several_not_all"),
    ]
    predictions = make_predictions(count=7)
    predictions.labels[:] = [1, 1, 0]
    predictions.labels[6] = [1, 1, 1]
    predictions.probabilities["A"] = np.array([types for types, _ in predicted], np.float32)
    found = of(score(predictions, num_resamples=5), "A", "several_types")
    kinds = [kind for _, kind in predicted]
    for kind in (*dict.fromkeys(kinds), "one_or_none"):
        expected = 3 if kind == "one_or_none" else kinds.count(kind)
        assert found[kind].pooled == pytest.approx(expected / 7), kind


def test_best_type_on_single_cells():
    predictions = make_predictions(count=3, num_folds=2)
    predictions.labels[:] = [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    predictions.num_cells[:] = [1, 1, 2]
    predictions.folds[:] = [0, 1, 0]
    probabilities = [[0.4, 0.3, 0], [0.9, 0.8, 0], [0.1, 0.9, 0]]
    predictions.probabilities["A"] = np.array(probabilities, np.float32)
    best = of(score(predictions), "A", "single_cell")["best_type"]
    # The first is right, the second is not, the third is no single cell.
    assert (best.pooled, best.per_fold, best.support) == (0.5, (1, 0), 2)


def test_exact_match_by_what_regions_hold():
    predictions = make_predictions(count=6, num_folds=2)
    predictions.folds[:] = [0, 1, 0, 1, 0, 1]
    predictions.num_cells[:] = [1, 1, 2, 2, 4, 7]
    predictions.labels[:] = [[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]]
    right = predictions.labels.astype(np.float32)
    wrong = 1 - right
    predictions.probabilities["A"] = np.where([[1], [1], [1], [0], [0], [1]], right, wrong)
    scores = score(predictions)
    single_cell = of(scores, "A", "single_cell")["exact_match"]
    assert (single_cell.pooled, single_cell.support) == (1.0, 2)
    found = {
        (entry.of["model"], entry.of["subset"]): (entry.pooled, entry.support)
        for entry in scores.by_content
    }
    # No region holds three cells, or the third type.
    assert {subset: values for (model, subset), values in found.items() if model == "A"} == {
        "2_cells": (0.5, 2),
        "4_or_more_cells": (0.5, 2),
        "holding Oval": (0.5, 4),
        "holding Elon": (0.75, 4),
    }
    assert {model for model, _ in found} == {"A", "B", "A_equal"}


@pytest.mark.parametrize("seed", range(3))
def test_abnormality_is_scikit_learns(seed):
    predictions = make_predictions(seed)
    found = score(predictions, num_resamples=5)
    truth = predictions.labels[:, 1:].any(axis=1)
    elon, reti = predictions.probabilities["A"][:, 1:].astype(float).T
    noisy_or = elon + reti - elon * reti  # of two events
    methods = {
        "boosting": (predictions.abnormal, predictions.abnormal > 0.5),
        "any_type": (np.maximum(elon, reti), (elon > 0.5) | (reti > 0.5)),
        "noisy_or": (noisy_or, noisy_or > 0.5),
    }
    for method, (probability, predicted) in methods.items():
        scores = of(found, "A", abnormality=method)
        assert scores["accuracy"].pooled == pytest.approx((truth == predicted).mean())
        area = metrics.roc_auc_score(truth, probability.round(9))
        assert scores["auc"].pooled == pytest.approx(area)
        recall = metrics.recall_score(truth, predicted)
        assert scores["sensitivity"].pooled == pytest.approx(recall)
        specificity = metrics.recall_score(truth, predicted, pos_label=False)
        assert scores["specificity"].pooled == pytest.approx(specificity)
        first = predictions.folds == 0
        expected = metrics.accuracy_score(truth[first], predicted[first])
        assert scores["accuracy"].per_fold[0] == pytest.approx(expected)
    accuracy = {m: of(found, "A", abnormality=m)["accuracy"].pooled for m in methods}
    gain = of(found, "A", abnormality="boosting - any_type")["accuracy"].pooled
    assert gain == pytest.approx(accuracy["boosting"] - accuracy["any_type"])
    assert count(found, "n_abnormal", subset="all") == truth.sum()
    (majority,) = score_lib.select(found.counts, "accuracy", abnormality="majority")
    assert majority.value == pytest.approx(max(truth.mean(), 1 - truth.mean()))


def test_abnormality_without_abnormal_types():
    found = score_held_out(make_predictions(), np.zeros(3, bool), num_resamples=5)
    assert count(found, "n_abnormal", subset="all") == 0
    any_type = {n: s.pooled for n, s in of(found, "A", abnormality="any_type").items()}
    assert any_type == {"accuracy": 1, "auc": None, "sensitivity": None, "specificity": 1}


def test_incomplete_regions_are_not_scored():
    predictions = make_predictions()
    without = score(predictions.select(np.arange(6, 60)))
    predictions.complete[:3] = False
    predictions.labels[3:6, 0] = -1
    found = score(predictions)
    assert count(found, "num_regions", subset="all") == 54
    assert (count(found, "num_incomplete"), count(without, "num_incomplete")) == (6, 0)
    assert found.over_folds == without.over_folds


def test_nothing_to_score_is_refused():
    predictions = make_predictions()
    predictions.complete[:] = False
    with pytest.raises(ValueError, match=r"completely labelled.*Received: 60"):
        score_held_out(predictions, ABNORMAL)


def test_the_list_has_each_score_once_in_every_aggregate():
    found = score(make_predictions()).scores
    keys = [(entry.name, *sorted(entry.of.items())) for entry in found]
    assert len(set(keys)) == len(keys)
    exact = of(score(make_predictions()), "B")["exact_match"]
    entries = score_lib.select(found, "exact_match", model="B", subset="all")
    ours = [entry for entry in entries if "source" not in entry.of]
    values = {(e.of["aggregate"], e.of.get("fold")): e.value for e in ours}
    assert values == {
        ("mean_over_folds", None): exact.mean,
        ("standard_deviation", None): exact.std,
        ("pooled", None): exact.pooled,
        **{("fold", str(fold)): value for fold, value in enumerate(exact.per_fold)},
    }
    (paper,) = [entry for entry in entries if "source" in entry.of]
    assert paper.value == 0.649


def test_a_score_that_is_registered_is_scored(monkeypatch):
    def none_predicted(regions):
        return ~regions.predicted.any(axis=1)

    monkeypatch.setitem(region_scores.REGION_SCORES, "none_predicted", none_predicted)
    predictions = make_predictions()
    none = (predictions.probabilities["B"] <= 0.5).all(axis=1)
    found = of(score(predictions), "B", "single_cell")["none_predicted"]
    assert found.pooled == pytest.approx(none[predictions.single_cell].mean())
    assert found.support == predictions.single_cell.sum()
