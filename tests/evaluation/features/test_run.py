import dataclasses

import numpy as np
import pytest

from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.core import score as score_lib
from rbc_tf.core import text_table
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.score import Score
from rbc_tf.core.unseen import SeenError
from rbc_tf.evaluation.features import run as feature_comparison
from rbc_tf.evaluation.features import tables
from rbc_tf.evaluation.features.run import compare_features
from rbc_tf.evaluation.features.scores import Candidate, best_of
from rbc_tf.features import cache
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
    images = {name: cache.ImageEntry(name, "0") for name in tables["useful"].images.tolist()}
    monkeypatch.setattr(
        cache, "load_fingerprint", lambda folder: cache.Fingerprint(settings, images, "w.keras")
    )
    monkeypatch.setattr(feature_comparison.provenance, "check_unseen", lambda folder, rows: None)
    return tables


def test_useful_features_win_and_only_complete_regions_are_scored(caches):
    scores = compare_features(["noise", "useful"], {"quick": HEADS})
    assert [(s.features, s.heads) for s in scores] == [("noise", "quick"), ("useful", "quick")]
    assert best_of(scores).features == "useful"
    useful = scores[1]
    assert useful.value("exact_match", "test") == 1
    # Of rows 60 to 89 three are incomplete; every fifth, 60, 65, ... 85, has two cells.
    assert useful.value("num_regions", "test") == useful.value("num_regions", "validation") == 27
    assert useful.value("num_regions", "test", "multi_cell") == 6
    assert useful.value("num_regions", "test", "single_cell") == 21
    assert scores[0].value("exact_match", "test") < 0.9


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


def test_groups_that_are_learnt_from_and_scored_are_refused(caches):
    rows = caches["useful"]
    groups = np.where(rows.images == "test1", "train", rows.groups)
    caches["useful"] = dataclasses.replace(rows, groups=groups)
    with pytest.raises(
        SeenError, match=r"several, useful: train\d in 'train' and useful: test1 in "
    ):
        compare_features(["useful"], {"quick": HEADS})


def test_split_without_complete_regions_is_refused(caches):
    rows = caches["useful"]
    caches["useful"] = dataclasses.replace(rows, complete=rows.splits != "validation")
    with pytest.raises(ValueError, match="split 'validation'"):
        compare_features(["useful"], {"quick": HEADS})


def _candidate(name, validation, auc, test):
    def part(split, subset, exact):
        of = {"split": split, "subset": subset}
        yield Score("num_regions", 10, of=of)
        yield Score("exact_match", exact, of=of)
        yield Score("macro_auc", auc, of=of)
        yield Score("auc", auc, of={**of, "type": "x"})
        yield Score("auc", None, of={**of, "type": "y"})

    parts = (
        ("validation", "all", validation),
        ("test", "all", test),
        ("test", "single_cell", test),
        ("test", "multi_cell", None),
    )
    crop = {"mode": "stretch", "size": 224, "window": None}
    scores = tuple(score for of_part in parts for score in part(*of_part))
    return Candidate(name, "w", crop, "paper", 3, 1.25, scores)


def test_validation_chooses_whatever_the_test_says():
    candidates = [
        _candidate("a", 0.6, 0.9, 0.2),
        _candidate("b", 0.6, 0.95, 0.1),
        _candidate("c", 0.5, 1, 0.9),
        _candidate("d", None, None, 1.0),
    ]
    assert best_of(candidates).features == "b"
    assert best_of(candidates[3:]).features == "d"


def test_table_marks_the_choice_and_leaves_out_what_is_no_number():
    candidates = [_candidate("a", 0.6, 0.9, 0.25), _candidate("b", 0.7, 0.95, 0.125)]
    text = text_table.console(tables.choice_table(candidates, candidates[1]))
    rows = [line.split() for line in text.splitlines() if "paper" in line]
    shown = ["stretch,", "224", "3"]
    assert rows[0] == ["a,", "paper", *shown, "0.600", "0.250", "0.250", "-", "0.900", "0.900"]
    assert rows[1] == [">", "b,", "paper", *shown, "0.700", "0.125", "0.125", "-", "0.950", "0.950"]
    assert "1 on validation, 1 on the test" in text


def test_every_score_is_written(caches, tmp_path):
    candidates = compare_features(["useful"], {"quick": HEADS})
    tables.write(tmp_path, candidates, candidates[0], {"quick": {"hidden_units": 4}})
    content = builders.read_json(tmp_path / "features.json")
    scores = score_lib.from_json(content["scores"])
    assert content["chosen"] == ["useful", "quick"]
    # Three facts of the candidate, and whatever is scored.
    assert len(scores) == 3 + len(candidates[0].scores)
    assert scores[0].of == {
        "features": "useful",
        "weights": "w.keras",
        "patches": "fixed_scale 80, 64",
        "heads": "quick",
    }
    rows = builders.read_csv(tmp_path / "features.csv")
    assert len(rows) == len(scores)
    text = (tmp_path / "features.md").read_text()
    for name in ("exact match", "best type is true", "Jaccard index", "macro F1"):
        assert name in text
    assert "Regions: multi-cell test" in text
