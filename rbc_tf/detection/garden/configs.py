"""Settings of a detector: Model Garden's, and those that it has no name for."""

import dataclasses

from official.core import config_definitions
from official.vision.configs import maskrcnn

from rbc_tf.detection.garden import schedule
from rbc_tf.detection.garden.photometric import Photometric

# Value of `task.init_checkpoint` that stands for Model Garden's published ImageNet backbone.
IMAGENET = "imagenet"


@dataclasses.dataclass
class RegionDetectionTask(maskrcnn.MaskRCNNTask):
    """Faster R-CNN that finds regions of cells.

    Attributes:
        records_dir: folder of TFRecord shards with their records.json.
        evaluation_split: split that `validation_data` reads.
        init_checkpoint: 'imagenet', a checkpoint, or '' to start from random weights.
        summary_images: how many validation images TensorBoard shows with their boxes.
        summary_score_threshold: score from which a predicted box is drawn there.
        photometric: how far the colours of training images are varied.
    """

    records_dir: str = ""
    evaluation_split: str = "validation"
    init_checkpoint: str = IMAGENET
    init_checkpoint_modules: str = "backbone"
    summary_images: int = 4
    summary_score_threshold: float = 0.5
    photometric: Photometric = dataclasses.field(default_factory=Photometric)


@dataclasses.dataclass
class TrainerConfig(config_definitions.TrainerConfig):
    """Model Garden's trainer, which counts in steps, with the paper's count in epochs.

    Attributes:
        train_epochs: passes over the training images. Exactly one of `train_epochs` and
            `train_steps` is set; the other one is 0.
        preemption_on_demand_checkpoint: on several workers, a checkpoint when one of them is asked
            to end (SIGTERM). Off, because Model Garden's workers then go on instead of ending.
    """

    optimizer_config: schedule.OptimizationConfig = dataclasses.field(
        default_factory=schedule.OptimizationConfig
    )
    train_epochs: float = 0.0
    preemption_on_demand_checkpoint: bool = False


@dataclasses.dataclass
class RuntimeConfig(config_definitions.RuntimeConfig):
    """Attributes:
    num_gpus: -1 for all that the machine has, 0 for the processor. One of several workers uses
        all that it sees (CUDA_VISIBLE_DEVICES).
    distribution_strategy: 'mirrored', all devices of one machine. With several workers it is
        'multi_worker_mirrored', whichever of the two is set.
    worker_hosts: 'host:port,host:port', the chief first.
    task_index: place of this worker in it.
    """

    num_gpus: int = -1


@dataclasses.dataclass
class Experiment(config_definitions.ExperimentConfig):
    """Attributes:
    experiment: name under which its factory is registered.
    seed: None, or a number that makes a run repeatable.
    """

    experiment: str = ""
    seed: int | None = None
    task: RegionDetectionTask = dataclasses.field(default_factory=RegionDetectionTask)
    trainer: TrainerConfig = dataclasses.field(default_factory=TrainerConfig)
    runtime: RuntimeConfig = dataclasses.field(default_factory=RuntimeConfig)
