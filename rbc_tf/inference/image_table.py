"""The rows of images.csv, one for each analysed image, those without regions too.

The columns are those of the images that the report downloads, and the group.
"""

from collections.abc import Mapping

from rbc_tf.core.cell_types import SEPARATOR, CellTypes
from rbc_tf.inference import analysis
from rbc_tf.inference.group_shares import Grouping


def header(cell_types: CellTypes) -> list[str]:
    """The columns of images.csv."""
    return [
        *("image", "group", "height", "width", "num_regions", "num_abnormal_regions"),
        *("abnormal_region_share", "share_low_95", "share_high_95"),
        *(f"num_{name}" for name in cell_types.names),
        *("scale", "gain", "warned_of"),
    ]


def row(result: Mapping, grouping: Grouping) -> list:
    """Of an image's JSON, in the columns of `header`; shares are empty without regions.

    Raises ValueError where the image has no group.
    """
    share = result["abnormal_region_share"]
    return [
        result["image"],
        grouping.of(result["image"]),
        result["height"],
        result["width"],
        result["num_regions"],
        result["num_abnormal_regions"],
        *(("", "", "") if share is None else (share, *result["abnormal_region_share_95"])),
        *result["num_regions_by_type"].values(),
        result.get("scale", 1),
        result.get("gain", 1),
        SEPARATOR.join(what for what, _ in analysis.warned_of(result)),
    ]
