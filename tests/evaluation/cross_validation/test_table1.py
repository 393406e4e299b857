"""Table 1 against a plain computation with scikit-learn, fold by fold and resample by resample."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn import metrics

from rbc_tf.evaluation.cross_validation import table1
from rbc_tf.evaluation.cross_validation.scores import score_held_out
from rbc_tf.metrics import multilabel
from rbc_tf.metrics.bootstrap import GroupBootstrap, interval
from tests import builders

NAMES = ("Oval", "Elon", "Reti")
HALF = np.full(3, 0.5)
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
        "single": predictions.single_cell,
        "multi": ~predictions.single_cell,
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


def check_score(score, mean, per_fold, pooled, mean_replicates, pooled_replicates):
    def same(found, expected):
        expected = None if expected is None or not np.isfinite(expected).all() else expected
        assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))

    same(score.mean, mean)
    same(score.pooled, pooled)
    for found, expected in zip(score.per_fold, per_fold, strict=True):
        same(found, expected)
    known = [value for value in per_fold if np.isfinite(value)]
    assert score.num_folds == len(known)
    same(score.std, np.std(known, ddof=1) if len(known) > 1 else None)
    same(score.mean_interval, interval(np.array(mean_replicates)))
    same(score.pooled_interval, interval(np.array(pooled_replicates)))


@pytest.mark.parametrize(("seed", "subset"), list(enumerate(table1.SUBSETS)))
def test_experiments_and_differences_are_those_of_a_plain_computation(seed, subset):
    predictions = make_predictions(seed)
    resampled = bootstrap_of(predictions)
    found = table1.score_table1(predictions, HALF, resampled)
    of_row = resampled.weights[:, resampled.unit_of_row]
    pooled, means, folds = {}, {}, {}
    for model in ("A", "B"):
        pooled[model] = np.array([plain(predictions, model, subset, w) for w in of_row])
        of_folds = [plain_mean(predictions, model, subset, w) for w in of_row]
        means[model] = np.array([mean for mean, _ in of_folds])
        folds[model] = np.array(of_folds[0][1])
    comparison = next(c for c in found.comparisons if (c.first, c.subset) == ("A", subset))
    experiments = [(e.model, e.scores) for e in found.experiments if e.subset == subset]
    pooled["A - B"], means["A - B"] = pooled["A"] - pooled["B"], means["A"] - means["B"]
    folds["A - B"] = folds["A"] - folds["B"]
    for model, scores in [*experiments, ("A - B", comparison.scores)]:
        if model == "A_equal":
            continue
        for t, score in enumerate([*scores.auc.values(), scores.exact_match]):
            check_score(
                score,
                means[model][0, t],
                folds[model][:, t],
                pooled[model][0, t],
                means[model][1:, t],
                pooled[model][1:, t],
            )


def test_all_regions_score_as_the_existing_scores_say():
    predictions = make_predictions(4)
    found = table1.score_table1(predictions, HALF, bootstrap_of(predictions))
    for model in ("A", "B", "A_equal"):
        expected = multilabel.score_multilabel(
            predictions.probabilities[model], predictions.labels, HALF
        )
        scores = next(e.scores for e in found.experiments if (e.model, e.subset) == (model, "all"))
        assert scores.exact_match.pooled == pytest.approx(expected.exact_match)
        assert [s.pooled for s in scores.auc.values()] == pytest.approx(list(expected.auc))
        assert scores.macro_auc.pooled == pytest.approx(expected.mean_auc)


def test_a_type_that_folds_lack_is_told_and_never_a_number():
    predictions = make_predictions()
    found = table1.score_table1(predictions, HALF, bootstrap_of(predictions))
    scores = found.experiments[0].scores
    reti = scores.auc["Reti"]
    assert reti.num_folds == 1
    assert [value is None for value in reti.per_fold] == [True, False, True]
    assert (reti.mean, reti.std) == (reti.per_fold[1], None)
    coverage = found.coverage["all"].types["Reti"]
    held = predictions.groups[predictions.labels[:, 2] == 1]
    assert (coverage.num_groups, coverage.num_folds) == (len(set(held)), 1)
    # No fold but the second has all types; the mean over folds is that of the types' means.
    assert [value is None for value in scores.macro_auc.per_fold] == [True, False, True]
    means = [score.mean for score in scores.auc.values()]
    assert scores.macro_auc.mean == pytest.approx(np.mean(means))
    assert scores.macro_types == NAMES


@pytest.mark.parametrize("value", [0, 1])
def test_a_type_that_no_region_or_every_region_has_is_left_out(value):
    predictions = make_predictions()
    predictions.labels[:, 1] = value
    scores = table1.score_table1(predictions, HALF, bootstrap_of(predictions)).experiments[0].scores
    elon = scores.auc["Elon"]
    assert (elon.mean, elon.pooled, elon.pooled_interval, elon.num_folds) == (None, None, None, 0)
    assert scores.macro_types == ("Oval", "Reti")
    pooled = [scores.auc[name].pooled for name in scores.macro_types]
    assert scores.macro_auc.pooled == pytest.approx(np.mean(pooled))


def test_without_multi_cell_regions_their_rows_are_empty():
    predictions = make_predictions()
    predictions.num_cells[:] = 1
    found = table1.score_table1(predictions, HALF, bootstrap_of(predictions))
    by_name = {e.name: e.scores for e in found.experiments}
    for name in ("A multi", "B multi", "A 44:56"):
        assert by_name[name].exact_match.pooled is None
        assert by_name[name].macro_auc.mean is None
        assert by_name[name].macro_types == ()
    assert by_name["A"].exact_match == by_name["A*"].exact_match
    assert found.coverage["multi"].num_regions == 0


def test_the_paper_mixture_weighs_by_hand():
    # A is right on every single-cell region and on no other: 1080 / 2469 = 0.4374 of the paper's.
    predictions = make_predictions()
    single = predictions.single_cell[:, None]
    probabilities = np.where(single, predictions.labels, 1 - predictions.labels)
    predictions.probabilities["A"] = probabilities.astype(np.float32)
    found = table1.score_table1(predictions, HALF, bootstrap_of(predictions))
    exact = {e.name: e.scores.exact_match for e in found.experiments}
    assert exact["A*"].pooled == 1
    assert exact["A multi"].pooled == 0
    assert exact["A 44:56"].pooled == pytest.approx(1080 / 2469)
    assert exact["A 44:56"].pooled_interval == pytest.approx((1080 / 2469, 1080 / 2469))


def test_equal_models_do_not_differ_however_groups_are_drawn():
    predictions = make_predictions()
    predictions.probabilities["B"] = predictions.probabilities["A"]
    found = table1.score_table1(predictions, HALF, bootstrap_of(predictions))
    for comparison in found.comparisons[:5]:
        exact = comparison.scores.exact_match
        assert (exact.pooled, exact.pooled_interval, exact.mean_interval) == (0, (0, 0), (0, 0))


def test_answers_where_several_types_are_true():
    # Truth of all rows: the first two types, but of the last all three.
    answers = [
        ([0, 0, 0], "no_label"),
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
    predictions.probabilities["A"] = np.array([given for given, _ in answers], np.float32)
    found = score_held_out(predictions, ABNORMAL, num_resamples=5)
    shares = {name: score for name, score in vars(found.answers[0]).items() if name != "model"}
    kinds = [kind for _, kind in answers]
    for kind, score in shares.items():
        expected = 3 if kind == "one_or_none" else kinds.count(kind)
        assert score.pooled == pytest.approx(expected / 7), kind


@pytest.mark.parametrize("seed", range(3))
def test_verdicts_are_scikit_learns(seed):
    predictions = make_predictions(seed)
    found = score_held_out(predictions, ABNORMAL, num_resamples=5).verdicts
    truth = predictions.labels[:, 1:].any(axis=1)
    elon, reti = predictions.probabilities["A"][:, 1:].astype(float).T
    noisy_or = elon + reti - elon * reti  # of two events
    scores = {
        "boosting": (predictions.abnormal, predictions.abnormal > 0.5),
        "any_type": (np.maximum(elon, reti), (elon > 0.5) | (reti > 0.5)),
        "noisy_or": (noisy_or, noisy_or > 0.5),
    }
    assert [m.method for m in found.methods] == list(scores)
    for method in found.methods:
        probability, said = scores[method.method]
        assert method.accuracy.pooled == pytest.approx(metrics.accuracy_score(truth, said))
        assert method.auc.pooled == pytest.approx(
            metrics.roc_auc_score(truth, probability.round(9))
        )
        assert method.sensitivity.pooled == pytest.approx(metrics.recall_score(truth, said))
        specificity = metrics.recall_score(truth, said, pos_label=False)
        assert method.specificity.pooled == pytest.approx(specificity)
        first = predictions.folds == 0
        expected = metrics.accuracy_score(truth[first], said[first])
        assert method.accuracy.per_fold[0] == pytest.approx(expected)
    gain = found.methods[0].accuracy.pooled - found.methods[1].accuracy.pooled
    assert found.boosting_gain.accuracy.pooled == pytest.approx(gain)
    assert (found.num_regions, found.num_abnormal) == (60, truth.sum())
    assert found.majority_accuracy == pytest.approx(max(truth.mean(), 1 - truth.mean()))


def test_verdicts_without_abnormal_types():
    found = score_held_out(make_predictions(), np.zeros(3, bool), num_resamples=5).verdicts
    assert found.num_abnormal == 0
    any_type = found.methods[1]
    assert (any_type.accuracy.pooled, any_type.auc.pooled) == (1, None)
    assert (any_type.sensitivity.pooled, any_type.specificity.pooled) == (None, 1)


def test_incomplete_regions_are_not_scored():
    predictions = make_predictions()
    without = score_held_out(predictions.select(np.arange(6, 60)), ABNORMAL, num_resamples=20)
    predictions.complete[:3] = False
    predictions.labels[3:6, 0] = -1
    found = score_held_out(predictions, ABNORMAL, num_resamples=20)
    assert (found.num_regions, found.num_incomplete, without.num_incomplete) == (54, 6, 0)
    assert dataclasses.replace(found, num_incomplete=0) == without
    json.dumps(dataclasses.asdict(found), allow_nan=False)


def test_nothing_to_score_is_refused():
    predictions = make_predictions()
    with pytest.raises(ValueError, match="Only complete regions can be scored"):
        table1.score_table1(predictions.select([]), HALF, bootstrap_of(predictions))
    predictions.complete[:] = False
    with pytest.raises(ValueError, match=r"At least one completely labelled.*Received: 60"):
        score_held_out(predictions, ABNORMAL)
