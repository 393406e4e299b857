"""What is known of the parts of a bundle: how they were made, of what data, and how good they are.

Every field has a default, which stands for what is not recorded: bundles of earlier versions say
less. To record something new, add a field here and fill it in `inference.assemble`.
"""

import dataclasses

from rbc_tf.core.score import Score
from rbc_tf.detection.record import DetectorRecord

Counts = tuple[int, int, int]

# What the `stage` of a score of the whole bundle is: boxes; types on the true boxes; types on the
# detected boxes, where a region that was not found is not right.
DETECTOR, CLASSIFIER, CHAIN = "detector", "classifier", "chain"


@dataclasses.dataclass(frozen=True)
class HeadRecord:
    """How the head of one type was trained (see `classification.training.HeadReport`).

    Attributes:
        name: the cell type.
        status: 'trained', 'never_present' or 'not_validated'.
        epoch: that whose weights are kept; 0 where it was not trained.
        train_counts, validation_counts: regions with the type present, absent and unknown.
        validation_loss, validation_auc: None where not defined.
    """

    name: str
    status: str
    epoch: int = 0
    train_counts: Counts = (0, 0, 0)
    validation_counts: Counts = (0, 0, 0)
    validation_loss: float | None = None
    validation_auc: float | None = None


@dataclasses.dataclass(frozen=True)
class TypeCalibration:
    """On what the temperature and threshold of a type were chosen on validation, and their effect.

    Attributes:
        name: the cell type.
        present, absent: validation regions with and without the type.
        temperature_fitted, threshold_fitted: whether there were both.
        temperature_held, threshold_held: whether what was tuned did better on groups left out,
            and so is used.
        threshold_patches: regions that the threshold was chosen on.
        ece_before, ece_after: expected calibration error before and after temperature scaling.
    """

    name: str
    present: int = 0
    absent: int = 0
    temperature_fitted: bool = False
    threshold_fitted: bool = False
    temperature_held: bool = True
    threshold_held: bool = True
    threshold_patches: int = 0
    ece_before: float | None = None
    ece_after: float | None = None


@dataclasses.dataclass(frozen=True)
class CalibrationRecord:
    """What thresholds were chosen for, and how, type by type."""

    objective: str = ""
    types: tuple[TypeCalibration, ...] = ()


@dataclasses.dataclass(frozen=True)
class AbnormalityRecord:
    """How abnormality is predicted.

    Attributes:
        constant: training had only abnormal or only normal regions: one prediction for all.
        train_counts, validation_counts: regions by 'abnormal', 'normal' and 'unknown'.
        validation_auc: None where not defined.
    """

    constant: bool = False
    train_counts: dict[str, int] = dataclasses.field(default_factory=dict)
    validation_counts: dict[str, int] = dataclasses.field(default_factory=dict)
    validation_auc: float | None = None


@dataclasses.dataclass(frozen=True)
class HeldOutScores:
    """Scores of the whole bundle on images that none of its parts has learnt from.

    Attributes:
        dataset, split: the images.
        images, groups: how many.
        images_sha256: hash of the hashes of their files: those of the same images replace these.
        scored: UTC time, ISO 8601.
        scale, light, rotations: how the images were looked at; see `inference.view_config`.
        unseen_by: parts that are known to have seen none of these images; version 0.1.0 knew it
            of all but the detector.
        origin: what the images are where they are no photographs; see `data.dataset.origin_of`.
        scores: of a `stage` each, DETECTOR, CLASSIFIER or CHAIN.
    """

    dataset: str
    split: str
    images: int
    groups: int
    images_sha256: str = ""
    scored: str = ""
    scale: str = "none"  # as before there was a choice
    light: str = "none"
    rotations: int = 1
    unseen_by: tuple[str, ...] = ("backbone", "classifier")
    origin: str = ""
    scores: tuple[Score, ...] = ()


@dataclasses.dataclass(frozen=True)
class Metrics:
    """How good the parts were on validation, and the bundle on held-out images.

    Attributes:
        detector_validation: scores by name; {} where the detector was not validated.
        heads_validation: one per type, () where not recorded.
        calibration_validation: temperatures and thresholds.
        abnormality_validation: None where not recorded.
        held_out: one per set of images, in the order in which they were scored.
    """

    detector_validation: dict = dataclasses.field(default_factory=dict)
    heads_validation: tuple[HeadRecord, ...] = ()
    calibration_validation: CalibrationRecord = dataclasses.field(default_factory=CalibrationRecord)
    abnormality_validation: AbnormalityRecord | None = None
    held_out: tuple[HeldOutScores, ...] = ()


@dataclasses.dataclass(frozen=True)
class FeaturesRecord:
    """The features that the classifier was trained on.

    Attributes:
        sha256: their fingerprint.
        settings: crop, backbone and dimensions.
    """

    sha256: str = ""
    settings: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class SplitCounts:
    """Regions of known type in a split, and the images that they are in.

    Attributes:
        images, groups: with such regions.
        patches: regions.
        single_cell, completely_labelled: of them.
        types: {name: how many have it}.
    """

    images: int
    groups: int
    patches: int
    single_cell: int
    completely_labelled: int
    types: dict[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class DataRecord:
    """The data that the classifier and its features come from.

    Attributes:
        dataset: its name, '' where not known.
        description: in the words of the bundle's maker: source, stain, consent.
        splits: by name.
        learnt_images: sha256 of the files of images that training or validation used, sorted;
            None where that is not recorded.
    """

    dataset: str = ""
    description: str = ""
    splits: dict[str, SplitCounts] = dataclasses.field(default_factory=dict)
    learnt_images: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Network:
    """Which network makes the features; where nothing is written, what rbc_tf 0.1.0 had.

    Attributes:
        name, title: as in `features.backbone_spec`.
        feature_dim: values per patch; None where not recorded.
    """

    name: str = "resnet50"
    title: str = "ResNet-50"
    feature_dim: int | None = None


@dataclasses.dataclass(frozen=True)
class BackboneRecord:
    """How a backbone was fine-tuned.

    Attributes:
        regions: of `features.patch_archive.REGION_CHOICES`.
        num_patches: by split.
        num_images: images that took part, validation included.
        crop, types, config, best, versions: as in the record in its file.
        backend: Keras's, on which it was trained.
    """

    regions: str = ""
    num_patches: dict[str, int] = dataclasses.field(default_factory=dict)
    num_images: int | None = None
    crop: dict = dataclasses.field(default_factory=dict)
    types: list = dataclasses.field(default_factory=list)
    config: dict = dataclasses.field(default_factory=dict)
    best: dict = dataclasses.field(default_factory=dict)
    backend: str = ""
    versions: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Settings, seeds and input hashes of each part, and what data they come from.

    Attributes:
        detector: an empty record where nothing is recorded.
        features: of the classifier.
        data: None where not recorded.
        backbone: None for one that was not fine-tuned, or where that is not recorded.
        classifier: its settings.
    """

    detector: DetectorRecord = dataclasses.field(default_factory=DetectorRecord)
    features: FeaturesRecord = dataclasses.field(default_factory=FeaturesRecord)
    data: DataRecord | None = None
    backbone: BackboneRecord | None = None
    classifier: dict = dataclasses.field(default_factory=dict)
