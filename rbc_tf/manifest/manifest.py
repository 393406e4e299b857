"""manifest.json: the one place where it is written and read."""

import dataclasses
from collections.abc import Mapping

from rbc_tf.classification.calibration import OBJECTIVES, PLAIN, Calibration
from rbc_tf.core import config, files, structured
from rbc_tf.core import score as score_lib
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.features.crops import CropConfig
from rbc_tf.manifest import earlier
from rbc_tf.manifest.records import Metrics, Network, Provenance

FORMAT = "rbc_tf bundle"
FORMAT_VERSION = 4
# Version 3 had no hash of its own; for the rest they are alike.
READ_VERSIONS = (earlier.FORMAT_VERSION, 3, FORMAT_VERSION)

_KINDS = {"backbone": str, "created": str, "weight_bits": int, "versions": dict}


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a bundle records of itself.

    Attributes:
        cell_types: the types, in the order of all probabilities.
        crop: how patches are cut; the features are only right for it.
        calibration: temperatures and thresholds of the types.
        threshold_objective: what the thresholds were chosen for; 'plain': they are 0.5.
        score_threshold: detections below are dropped.
        abnormal_threshold: abnormal probability above which a region is predicted abnormal.
        backbone: where the backbone's weights come from ('random' says so here).
        network: which network makes the features.
        weight_bits: of the numbers that the weights are; 8 where they have been packed.
        appearance: {aspect: (low, high)} of the images that it learnt from, as
            `inference.appearance` measures them; {} where that is not recorded.
        metrics: scores at the time of training, by part, and those on held-out images.
        provenance: config, seeds and input hashes of each part, and what data they come from.
        versions: of the packages that made it.
        created: UTC time, ISO 8601.
    """

    cell_types: CellTypes
    crop: CropConfig
    calibration: Calibration
    threshold_objective: str = PLAIN
    score_threshold: float = 0.5
    abnormal_threshold: float = 0.5
    backbone: str = ""
    network: Network = dataclasses.field(default_factory=Network)
    weight_bits: int = 32
    appearance: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
    metrics: Metrics = dataclasses.field(default_factory=Metrics)
    provenance: Provenance = dataclasses.field(default_factory=Provenance)
    versions: dict = dataclasses.field(default_factory=files.versions)
    created: str = ""

    def __post_init__(self):
        if len(self.thresholds) != len(self.cell_types):
            raise ValueError(
                f"`calibration` must be that of the types, {len(self.cell_types)}. "
                f"Received: that of {len(self.thresholds)}"
            )
        if self.threshold_objective not in OBJECTIVES:
            raise ValueError(
                f"`threshold_objective` must be one of {', '.join(OBJECTIVES)}. "
                f"Received: {self.threshold_objective!r}"
            )
        for value in (self.score_threshold, self.abnormal_threshold):
            if not (structured.is_number(value) and 0 <= value <= 1):
                raise ValueError(
                    f"Every threshold must lie in [0, 1]. Received: {structured.shown(value)}"
                )
        for name, kind in _KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise ValueError(
                    f"`{name}` must be a {kind.__name__}. Received: {structured.shown(value)}"
                )
        for name, seen in self.appearance.items():
            if not (all(map(structured.is_number, seen)) and seen[0] <= seen[1]):
                raise ValueError(
                    f"`appearance` must have the lowest and the highest {name} that was seen. "
                    f"Received: {', '.join(map(structured.shown, seen))}"
                )

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Per type, the calibrated probability above which it is predicted."""
        return self.calibration.thresholds

    def with_plain_thresholds(self) -> "Manifest":
        """The same with the paper's threshold of 0.5 for every type."""
        calibration = self.calibration.with_plain_thresholds()
        return dataclasses.replace(self, calibration=calibration, threshold_objective=PLAIN)


def to_json(manifest: Manifest) -> dict:
    """The content of manifest.json but for the hashes of files."""
    names = manifest.cell_types.names
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created": manifest.created,
        "cell_types": manifest.cell_types.to_list(),
        "crop": config.to_dict(manifest.crop),
        "calibration": {
            "temperatures": dict(zip(names, manifest.calibration.temperatures, strict=True)),
            "thresholds": dict(zip(names, manifest.thresholds, strict=True)),
            "threshold_objective": manifest.threshold_objective,
            "at_least_one": manifest.calibration.at_least_one,
        },
        "score_threshold": manifest.score_threshold,
        "abnormal_threshold": manifest.abnormal_threshold,
        "backbone": manifest.backbone,
        "network": config.to_dict(manifest.network),
        "weight_bits": manifest.weight_bits,
        "appearance": {name: list(seen) for name, seen in manifest.appearance.items()},
        "metrics": _metrics_to_json(manifest.metrics),
        "provenance": {
            **config.to_dict(manifest.provenance),
            "detector": manifest.provenance.detector.to_json(),
        },
        "versions": manifest.versions,
    }


def from_json(content: Mapping) -> Manifest:
    """The manifest in the content of manifest.json, of any format version in READ_VERSIONS.

    What a later version of rbc_tf has added is ignored, what an earlier one did not write takes
    its default.

    Raises:
        KeyError, TypeError, ValueError: it is damaged.
    """
    if content["format_version"] == earlier.FORMAT_VERSION:
        content = earlier.updated(content)
    cell_types = CellTypes.from_list(content["cell_types"])
    calibration = content["calibration"]
    temperatures, thresholds = calibration["temperatures"], calibration["thresholds"]
    return Manifest(
        cell_types=cell_types,
        crop=config.from_dict(CropConfig, content["crop"]),
        calibration=Calibration(
            tuple(temperatures[name] for name in cell_types.names),
            tuple(thresholds[name] for name in cell_types.names),
            calibration.get("at_least_one", False),  # earlier versions had no choice
        ),
        threshold_objective=calibration["threshold_objective"],
        score_threshold=content["score_threshold"],
        abnormal_threshold=content["abnormal_threshold"],
        backbone=content["backbone"],
        network=config.from_dict(Network, content.get("network", {}), ignore_unknown=True),
        weight_bits=content.get("weight_bits", 32),
        appearance={
            name: (low, high) for name, (low, high) in content.get("appearance", {}).items()
        },
        metrics=_metrics_from_json(content["metrics"]),
        provenance=config.from_dict(Provenance, content["provenance"], ignore_unknown=True),
        versions=content["versions"],
        created=content["created"],
    )


def _metrics_to_json(metrics: Metrics) -> dict:
    held_out = [
        {**config.to_dict(entry), "scores": score_lib.to_json(entry.scores)}
        for entry in metrics.held_out
    ]
    return {**config.to_dict(metrics), "held_out": held_out}


def _metrics_from_json(content: Mapping) -> Metrics:
    held_out = [
        {**entry, "scores": score_lib.from_json(entry["scores"])}
        for entry in content.get("held_out", ())
    ]
    return config.from_dict(Metrics, {**content, "held_out": held_out}, ignore_unknown=True)
