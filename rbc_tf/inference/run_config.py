"""How a run analyses its images and shows what it found, whoever does it, or shares it."""

import dataclasses

from rbc_tf.core.intensity import IntensityRange
from rbc_tf.detection.tiling import TilingConfig
from rbc_tf.graphs import frozen
from rbc_tf.inference.group_shares import Grouping
from rbc_tf.inference.report import page
from rbc_tf.inference.view_config import ViewConfig


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What is asked for.

    Attributes:
        tiling_config: how large images are cut for detection.
        precision: one of `frozen.PRECISIONS`; of a fleet, workers must have what the machine that
            starts them makes of it.
        view_config: how images are looked at.
        intensity: range of values of more than 8 bits; None: that of the files, of an earlier run
            into the folder, or else estimated from all images, those of other shares as well.
        grouping: which images belong together, one patient's for instance.
        report_image_size: longer side of the pictures in report.html, in pixels; 0: a report
            without pictures; None: no report.
    """

    tiling_config: TilingConfig = dataclasses.field(default_factory=TilingConfig)
    precision: str = frozen.AUTO
    view_config: ViewConfig = dataclasses.field(default_factory=ViewConfig)
    intensity: IntensityRange | None = None
    grouping: Grouping = dataclasses.field(default_factory=Grouping)
    report_image_size: int | None = page.DEFAULT_IMAGE_SIZE
