import dataclasses

import numpy as np
import pytest

from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.core import text_table
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.evaluation.features import run as feature_comparison
from rbc_tf.evaluation.features import tables as feature_table
from rbc_tf.evaluation.features.run import compare_features
from rbc_tf.evaluation.features.scores import FeatureScores, best_of
from rbc_tf.features import cache
from rbc_tf.metrics.multilabel import MultilabelScores
from tests import builders

TYPES = CellTypes.from_list(
    [{"name": name, "display_name": name, "abnormal": name != "x"} for name in "xy"]
)
HEADS = HeadsConfig(hidden_units=4, learning_rate=0.02, batch_size=16, max_epochs=40, patience=40)


def table(useful, seed=0):
    """90 rows of three splits; the first feature of useful ones says the type."""
    rng = np.random.default_rng(seed)
    kind = np.arange(90) % 2
    features = np.random.default_rng(seed + useful).normal(size=(90, 3)).astype(np.float32)
    if useful:
        features[:, 0] = 3 * kind + 0.1 * features[:, 0]
    splits = np.repeat(["train", "validation", "test"], 30)
    return builders.feature_table(
        features,
        np.stack([kind, 1 - kind], axis=1),
        images=np.array([f"{split}{i % 3}" for i, split in enumerate(splits)]),
        groups=splits,
        splits=splits,
        boxes=rng.uniform(0, 9, (90, 4)),
        num_cells=np.where(np.arange(90) % 5 == 0, 2, 1),
        complete=np.arange(90) % 10 != 9,  # the last of ten is not scored
    )


@pytest.fixture
def caches(monkeypatch):
    tables = {"noise": table(False), "useful": table(True)}
    monkeypatch.setattr(cache, "load_features", lambda folder: tables[folder.name])
    monkeypatch.setattr(cache, "load_cell_types", lambda folder: TYPES)
    settings = {"crop": {"mode": "fixed_scale", "size": 64, "window": 80.0}}
    monkeypatch.setattr(
        cache, "load_fingerprint", lambda folder: cache.Fingerprint(settings, {}, "w.keras")
    )
    monkeypatch.setattr(feature_comparison.provenance, "check_unseen", lambda folder, rows: None)
    return tables


def test_useful_features_win_and_only_complete_regions_are_scored(caches):
    scores = compare_features(["noise", "useful"], {"quick": HEADS})
    assert [(s.features, s.heads) for s in scores] == [("noise", "quick"), ("useful", "quick")]
    assert best_of(scores).features == "useful"
    useful = scores[1]
    assert useful.test.exact_match == 1
    # Of rows 60 to 89 three are incomplete; every fifth, 60, 65, ... 85, has two cells.
    assert useful.test.num_regions == useful.validation.num_regions == 27
    assert useful.multi_cell.num_regions == 6
    assert useful.single_cell.num_regions == 21
    assert scores[0].test.exact_match < 0.9


def test_caches_of_other_patches_are_refused(caches):
    caches["useful"] = dataclasses.replace(caches["useful"], boxes=caches["useful"].boxes + 1)
    with pytest.raises(ValueError, match=r"useful: .* the same"):
        compare_features(["noise", "useful"], {"quick": HEADS})


def test_backbone_that_has_seen_test_groups_is_refused(caches, monkeypatch):
    def refuse(folder, rows):
        assert set(rows.splits.tolist()) == {"test"}
        raise ValueError("seen")

    monkeypatch.setattr(feature_comparison.provenance, "check_unseen", refuse)
    with pytest.raises(ValueError, match="seen"):
        compare_features(["useful"], {"quick": HEADS})


def test_split_without_complete_regions_is_refused(caches):
    rows = caches["useful"]
    caches["useful"] = dataclasses.replace(rows, complete=rows.splits != "validation")
    with pytest.raises(ValueError, match="split 'validation'"):
        compare_features(["useful"], {"quick": HEADS})


def _scores(name, validation, auc, test):
    def part(exact):
        return MultilabelScores(exact, (auc, None), 10, (5, 0))

    crop = {"mode": "stretch", "size": 224, "window": None}
    return FeatureScores(
        name, "w", crop, "paper", 3, 1.25, part(validation), part(test), part(test), part(np.nan)
    )


def test_validation_chooses_whatever_the_test_says():
    scores = [_scores("a", 0.6, 0.9, 0.2), _scores("b", 0.6, 0.95, 0.1), _scores("c", 0.5, 1, 0.9)]
    assert best_of(scores).features == "b"


def test_table_marks_the_choice_and_leaves_out_what_is_no_number():
    scores = [_scores("a", 0.6, 0.9, 0.25), _scores("b", 0.7, 0.95, 0.125)]
    text = text_table.console(feature_table.feature_table(scores, scores[1]))
    rows = [line.split() for line in text.splitlines() if "paper" in line]
    shown = ["stretch,", "224", "3"]
    assert rows[0] == ["a,", "paper", *shown, "0.600", "0.250", "0.250", "-", "0.900", "0.900"]
    assert rows[1] == [">", "b,", "paper", *shown, "0.700", "0.125", "0.125", "-", "0.950", "0.950"]
    assert "1 on validation, 1 on the test" in text
    rows = feature_table.csv_rows(scores, scores[1])
    assert len(rows) == 8
    assert {len(row) for row in rows} == {len(feature_table.CSV_HEADER)}
    assert [row[-1] for row in rows] == [False] * 4 + [True] * 4
