"""Manifests of version 0.1.0 (format version 2), given as those of today."""

from collections.abc import Mapping

from rbc_tf.core import score as score_lib
from rbc_tf.core.score import Score

FORMAT_VERSION = 2


def updated(content: Mapping) -> dict:
    """The content of such a manifest in the form of today, format version 3.

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
    found, abnormal = entry["detection"], entry["abnormality"]
    at = {"score_threshold": f"{found['score_threshold']:g}"}
    detector = [
        Score("num_images", found["num_images"]),
        Score("num_regions", found["num_true"]),
        Score("num_detected", found.get("num_detected")),
        Score("ap50", found["ap50"]),
        Score("ap75", found["ap75"]),
        Score("ap50_95", found["ap"]),
        Score("recall", found["recall"], of=at),
        Score("recall", found["recall_single_cell"], of={"subset": "single_cell", **at}),
        Score("recall", found["recall_multi_cell"], of={"subset": "multi_cell", **at}),
        Score("precision", found["precision"], of=at),
    ]
    classifier = [
        Score("regions", entry["regions"]),
        Score("exact_match", entry["exact_match"]),
        Score("exact_match_plain", entry["exact_match_plain"]),
        Score("n_abnormal", abnormal["num_abnormal"], of={"abnormality": "boosting"}),
    ]
    classifier += [
        Score(name, abnormal[name], of={"abnormality": "boosting"})
        for name in ("accuracy", "sensitivity", "specificity", "auc")
    ]
    columns = {"n_positive": "present"}
    columns |= {name: name for name in ("auc", "threshold", "recall", "precision", "ece")}
    classifier += [
        Score(name, own[key], of={"type": own["name"]})
        for own in entry["types"]
        for name, key in columns.items()
    ]
    chain = [Score("found_and_right", entry["found_and_right"])]
    return [
        score.at(stage=stage)
        for stage, scores in (("detector", detector), ("classifier", classifier), ("chain", chain))
        for score in scores
    ]


def _held_out(entry: Mapping) -> dict:
    about = ("dataset", "split", "images", "groups", "images_sha256", "scored")
    return {
        **{key: entry[key] for key in about if key in entry},
        "scores": score_lib.to_json(held_out_scores(entry)),
    }
