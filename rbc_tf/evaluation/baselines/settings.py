"""Settings of the comparison with baselines."""

import dataclasses

from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.evaluation.baselines.single_label_cnn import SingleLabelCNNConfig
from rbc_tf.evaluation.baselines.unet import UNetConfig
from rbc_tf.evaluation.baselines.watershed import WatershedConfig
from rbc_tf.features.crops import CropConfig


@dataclasses.dataclass(frozen=True)
class BaselinesConfig:
    """All settings.

    Attributes:
        watershed: on the true masks and on the U-Net's alike.
        unet: the U-Net and its training.
        cnn: the single-label network and its training.
        cnn_crop: how its patches are cut; where left out, as those of the features, at the
            network's own size, so that both see the same of a cell.
        heads: of Models A and B.
        num_resamples: of the bootstrap.
        seed: of the bootstrap.
    """

    watershed: WatershedConfig = dataclasses.field(default_factory=WatershedConfig)
    unet: UNetConfig = dataclasses.field(default_factory=UNetConfig)
    cnn: SingleLabelCNNConfig = dataclasses.field(default_factory=SingleLabelCNNConfig)
    cnn_crop: CropConfig | None = None
    heads: HeadsConfig = dataclasses.field(default_factory=HeadsConfig)
    num_resamples: int = 2000
    seed: int = 0

    def __post_init__(self):
        if self.cnn_crop is not None and self.cnn_crop.size != self.cnn.patch_size:
            raise ValueError(
                f"`cnn_crop.size` must be `cnn.patch_size`, {self.cnn.patch_size}. "
                f"Received: {self.cnn_crop.size}"
            )
        if self.num_resamples < 1:
            raise ValueError(f"`num_resamples` must be 1 or more. Received: {self.num_resamples}")
        if self.seed < 0:
            raise ValueError(f"`seed` must be 0 or more. Received: {self.seed}")
