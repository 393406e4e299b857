import dataclasses
import json

import numpy as np
import pytest

from rbc_tf.classification.classifier import Classifier
from rbc_tf.classification.fit import ClassifierConfig, train_classifier
from rbc_tf.classification.folds import FoldsConfig
from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.core import score as score_lib
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.unseen import BACKBONE, Seen, SeenError
from rbc_tf.evaluation.classifier import run as classifier_scores
from rbc_tf.features import cache
from tests import builders

TYPES = CellTypes.from_list(
    [{"name": name, "display_name": name, "abnormal": name != "x"} for name in "xy"]
)
SETTINGS = {"crop": {"mode": "stretch", "size": 32}}
_ENTRIES = {f"image{g}": cache.ImageEntry(f"hash of image{g}", "boxes") for g in range(12)}
CONFIG = ClassifierConfig(
    HeadsConfig(hidden_units=4, learning_rate=0.02, batch_size=16, max_epochs=15, patience=15),
    FoldsConfig(num_folds=3),
)


def make_table():
    """120 rows in 12 groups; the first feature says which of two types a row has."""
    rng = np.random.default_rng(0)
    kind = np.arange(120) % 2
    features = rng.normal(size=(120, 3)).astype(np.float32)
    features[:, 0] = 3 * kind + 0.1 * features[:, 0]
    return builders.feature_table(
        features,
        np.stack([kind, 1 - kind], axis=1),
        groups=builders.slides(120, 12),
        splits=np.repeat(["train", "validation", "test"], 40),
        complete=np.arange(120) % 4 != 3,
    )


@pytest.fixture(scope="module")
def classifier_dir(tmp_path_factory):
    table = make_table()
    train, validation = (table.select(table.splits == s) for s in ("train", "validation"))
    classifier = train_classifier(train, validation, TYPES, CONFIG)
    record = {**classifier.record, "features": {"settings": SETTINGS}}
    folder = tmp_path_factory.mktemp("classifier")
    dataclasses.replace(classifier, record=record).save(folder)
    return folder


@pytest.fixture
def features(monkeypatch):
    """A stand-in for a feature cache on disk."""
    held = {"table": make_table(), "fingerprint": cache.Fingerprint(SETTINGS, _ENTRIES, "w")}
    monkeypatch.setattr(cache, "load_features", lambda folder: held["table"])
    monkeypatch.setattr(cache, "load_fingerprint", lambda folder: held["fingerprint"])
    plain = Seen(BACKBONE, frozenset())
    monkeypatch.setattr(classifier_scores.provenance, "backbone_seen", lambda folder: plain)
    return held


def test_complete_regions_of_the_test_are_scored(features, classifier_dir, tmp_path):
    text = classifier_scores.evaluate_classifier("f", classifier_dir, tmp_path)
    # Complete are rows 0, 1 and 2 of four: 30 of the 40 test rows, 20 of them of the abnormal type
    # that even rows have. The types are easy to tell apart.
    content = json.loads((tmp_path / "scores.json").read_text())
    scores = score_lib.from_json(content["scores"])
    everything = {"subset": "all"}
    assert score_lib.one(scores, "num_regions", **everything).value == 30
    assert score_lib.one(scores, "exact_match", **everything).value == 1
    abnormal = score_lib.one(scores, "n_abnormal", abnormality="boosting", **everything)
    assert (abnormal.value, content["split"]) == (20, "test")
    assert score_lib.one(scores, "num_groups").value == 4
    assert "gradient boosting" in text
    assert "| exact match | 1.000 [1.000, 1.000] |" in (tmp_path / "scores.md").read_text()
    rows = builders.read_csv(tmp_path / "scores.csv")
    assert {row["score"] for row in rows} == {score.name for score in scores}
    assert (tmp_path / "reliability.png").stat().st_size > 1000
    assert (tmp_path / "reliability.svg").read_text().count("<svg") == 1


@pytest.mark.parametrize("split", ["train", "validation"])
def test_what_was_learnt_from_is_not_scored(features, classifier_dir, tmp_path, split):
    with pytest.raises(SeenError, match="the classifier has seen 4 images of group slide"):
        classifier_scores.evaluate_classifier("f", classifier_dir, tmp_path, split)


def test_a_group_that_was_learnt_from_is_not_scored(features, classifier_dir, tmp_path):
    table = features["table"]
    groups = table.groups.copy()
    groups[table.images == "image11"] = "slide0"
    features["table"] = dataclasses.replace(table, groups=groups)
    with pytest.raises(SeenError, match="seen 1 image of group slide0"):
        classifier_scores.evaluate_classifier("f", classifier_dir, tmp_path)


def test_what_the_classifier_records_counts_whatever_the_splits_are_now(
    features, classifier_dir, tmp_path
):
    classifier = Classifier.load(classifier_dir)
    record = {**classifier.record, "learnt_images": ["hash of image9"]}
    dataclasses.replace(classifier, record=record).save(tmp_path / "classifier")
    with pytest.raises(SeenError, match="seen 1 image of group slide9"):
        classifier_scores.evaluate_classifier("f", tmp_path / "classifier", tmp_path / "out")


def test_what_the_backbone_has_seen_is_not_scored(features, classifier_dir, tmp_path, monkeypatch):
    seen = Seen(BACKBONE, frozenset(["hash of image11"]))
    monkeypatch.setattr(classifier_scores.provenance, "backbone_seen", lambda folder: seen)
    with pytest.raises(SeenError, match="the backbone has seen 1 image of group slide11"):
        classifier_scores.evaluate_classifier("f", classifier_dir, tmp_path)


def test_classifier_of_other_features_is_refused(features, classifier_dir, tmp_path):
    features["fingerprint"] = cache.Fingerprint({"crop": {"mode": "letterbox"}}, {}, "w")
    with pytest.raises(ValueError, match="the features in f"):
        classifier_scores.evaluate_classifier("f", classifier_dir, tmp_path)


def test_split_without_complete_regions_is_refused(features, classifier_dir, tmp_path):
    with pytest.raises(ValueError, match="completely labelled region"):
        classifier_scores.evaluate_classifier("f", classifier_dir, tmp_path, "other")
