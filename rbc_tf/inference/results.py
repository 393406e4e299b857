"""What is written of an analysed image: one JSON, and one CSV row per region."""

from collections.abc import Sequence

import numpy as np

from rbc_tf.core.cell_types import SEPARATOR, CellTypes
from rbc_tf.core.types import AnalyzedRegions
from rbc_tf.metrics import intervals


def image_result(
    name: str,
    image_sha256: str,
    image_shape: Sequence[int],
    found: AnalyzedRegions,
    labels: np.ndarray,
    cell_types: CellTypes,
    abnormal_threshold: float,
) -> dict:
    """The JSON of one image.

    Args:
        name: of the image, relative to the input folder.
        image_sha256: hash of its file.
        image_shape: (height, width, ...).
        found: its regions.
        labels: bool [N, T], the types said to be present.
        cell_types: the T types.
        abnormal_threshold: above it a region counts as abnormal.

    Returns:
        Regions with box, score, every type's probability, labels and abnormal probability; the
        number of regions by type; the share of regions (not of cells) that are abnormal, with its
        95 % interval (Wilson), None where no region was found.
    """
    names = cell_types.names
    regions = []
    for row, box in enumerate(found.boxes.tolist()):
        probabilities = found.probabilities[row].tolist()
        regions.append(
            {
                "box": dict(zip(("ymin", "xmin", "ymax", "xmax"), box, strict=True)),
                "score": float(found.scores[row]),
                "probabilities": dict(zip(names, probabilities, strict=True)),
                "labels": [t for t, present in zip(names, labels[row], strict=True) if present],
                "abnormal_probability": float(found.abnormal[row]),
                "abnormal": bool(found.abnormal[row] > abnormal_threshold),
            }
        )
    abnormal = sum(region["abnormal"] for region in regions)
    return {
        "image": name,
        "image_sha256": image_sha256,
        "height": int(image_shape[0]),
        "width": int(image_shape[1]),
        "num_regions": len(regions),
        "num_regions_by_type": dict(zip(names, labels.sum(axis=0).tolist(), strict=True)),
        "num_abnormal_regions": abnormal,
        **abnormal_share(abnormal, len(regions)),
        "regions": regions,
    }


def abnormal_share(abnormal: int, total: int) -> dict:
    """The share of abnormal regions with its 95 % interval; None where there is no region."""
    return {
        "abnormal_region_share": abnormal / total if total else None,
        "abnormal_region_share_95": list(intervals.wilson(abnormal, total)) if total else None,
    }


def csv_header(cell_types: CellTypes) -> list[str]:
    return [
        *("image", "region", "ymin", "xmin", "ymax", "xmax", "score"),
        *(f"p_{name}" for name in cell_types.names),
        *("labels", "abnormal_probability", "abnormal"),
    ]


def csv_rows(result: dict) -> list[list]:
    """One row per region of an image's JSON, in the columns of `csv_header`."""
    return [
        [
            result["image"],
            number,
            *region["box"].values(),
            region["score"],
            *region["probabilities"].values(),
            SEPARATOR.join(region["labels"]),
            region["abnormal_probability"],
            int(region["abnormal"]),
        ]
        for number, region in enumerate(result["regions"], start=1)
    ]
