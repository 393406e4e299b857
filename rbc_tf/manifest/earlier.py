"""Manifests of version 0.1.0 (format version 2), given as those of today."""

from collections.abc import Iterator, Mapping

from rbc_tf.core import score as score_lib
from rbc_tf.core.score import Score
from rbc_tf.manifest.records import CHAIN, CLASSIFIER, DETECTOR

FORMAT_VERSION = 2


def updated(content: Mapping) -> dict:
    """The content of such a manifest in the form of today.

    What was renamed: the images of the data record. What was restructured: held-out scores. Empty
    mappings stood for records that are not there.
    """
    metrics, provenance = dict(content["metrics"]), dict(content["provenance"])
    held_out = [_held_out(entry) for entry in metrics.get("held_out", [])]
    data = dict(provenance.get("data") or {})
    if "taught_images" in data:
        data["learnt_images"] = data.pop("taught_images")
    return {
        **content,
        "metrics": {
            **metrics,
            "abnormality_validation": metrics.get("abnormality_validation") or None,
            "held_out": held_out,
        },
        "provenance": {
            **provenance,
            "data": data or None,
            "backbone": provenance.get("backbone") or None,
        },
    }


def held_out_scores(entry: Mapping) -> list[Score]:
    """The scores in an entry of version 0.1.0."""
    return [
        *(score.at(stage=DETECTOR) for score in _of_detector(entry["detection"])),
        *(score.at(stage=CLASSIFIER, subset="all") for score in _of_classifier(entry)),
        Score(
            "exact_match",
            entry["found_and_right"],
            of={"stage": CHAIN, "subset": "all"},
            support=entry["regions"],
        ),
    ]


def _of_detector(found: Mapping) -> Iterator[Score]:
    at, number = {"score_threshold": f"{found['score_threshold']:g}"}, found["num_true"]
    yield Score("num_images", found["num_images"])
    yield Score("num_regions", number)
    for name, key in (("ap50", "ap50"), ("ap75", "ap75"), ("ap50_95", "ap")):
        yield Score(name, found[key], support=number)
    yield Score("precision", found["precision"], of=at, support=found.get("num_detected"))
    yield Score("recall", found["recall"], of=at, support=number)
    for subset in ("single_cell", "multi_cell"):
        yield Score("recall", found[f"recall_{subset}"], of={**at, "subset": subset})


def _of_classifier(entry: Mapping) -> Iterator[Score]:
    number, abnormality = entry["regions"], entry["abnormality"]
    yield Score("num_regions", number)
    for name in ("exact_match", "exact_match_plain"):
        yield Score(name, entry[name], support=number)
    columns = {"n_positive": "present"}
    columns |= {name: name for name in ("threshold", "auc", "recall", "precision", "ece")}
    for own in entry["types"]:
        for name, key in columns.items():
            yield Score(name, own[key], of={"type": own["name"]})
    of = {"abnormality": "boosting"}
    yield Score("n_abnormal", abnormality["num_abnormal"], of=of)
    for name in ("accuracy", "auc", "sensitivity", "specificity"):
        yield Score(name, abnormality[name], of=of, support=number)


def _held_out(entry: Mapping) -> dict:
    about = ("dataset", "split", "images", "groups", "images_sha256", "scored")
    return {
        **{key: entry[key] for key in about if key in entry},
        "scores": score_lib.to_json(held_out_scores(entry)),
    }
