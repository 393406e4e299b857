"""What the page knows of one image: its JSON (`Analysis.to_json`) without the repeated keys."""

from collections.abc import Sequence

import numpy as np

from rbc_tf.core.cell_types import CellTypes
from rbc_tf.inference import analysis


def image_data(result: dict, cell_types: CellTypes, thresholds: Sequence[float]) -> dict:
    """The data of one image as the page's scripts read it (js/data.js).

    Args:
        result: the JSON of an analysed image.
        cell_types: the T types.
        thresholds: of the types.

    Returns:
        Name, size, counts, share of abnormal regions with its interval (None without regions),
        scale and gain, what the image is warned of, in short and in full, and per region [box,
        score, abnormal probability, abnormal, labels, probabilities, margin, nearest, at border]:
        labels and the nearest type as positions in the list of types, and float32 values in their
        shortest form, which is exact again as float32.
    """
    names = cell_types.names
    regions = result["regions"]
    probabilities = np.array(
        [[region["probabilities"][name] for name in names] for region in regions]
    ).reshape(-1, len(names))
    labels = [[names.index(label) for label in region["labels"]] for region in regions]
    margins, nearest = doubt(probabilities, thresholds, labels)
    cut = analysis.at_border(result)
    return {
        "name": result["image"],
        "height": result["height"],
        "width": result["width"],
        "counts": [result["num_regions_by_type"][name] for name in names],
        "abnormal": result["num_abnormal_regions"],
        "share": result["abnormal_region_share"],
        "interval": result["abnormal_region_share_95"],
        "scale": result.get("scale", 1),
        "gain": result.get("gain", 1),
        "warnings": [list(warning) for warning in analysis.warned_of(result)],
        "regions": [
            [
                [_shortest(region["box"][edge]) for edge in ("ymin", "xmin", "ymax", "xmax")],
                _shortest(region["score"]),
                region["abnormal_probability"],
                int(region["abnormal"]),
                labels[row],
                [_shortest(value) for value in probabilities[row]],
                float(f"{margins[row]:.6g}"),
                int(nearest[row]),
                int(cut[row]),
            ]
            for row, region in enumerate(regions)
        ],
    }


def doubt(
    probabilities: np.ndarray, thresholds: Sequence[float], labels: Sequence[Sequence[int]]
) -> tuple[np.ndarray, np.ndarray]:
    """How far a region is from being predicted otherwise; the smaller the margin, the more doubt.

    Args:
        probabilities: [N, T], calibrated.
        thresholds: of the T types.
        labels: per region the types that were predicted, as positions in the list of types.

    Returns:
        float64 [N], the smallest |probability - threshold|, and int [N], the type it is of: the
        first where several are as near. Where a type was predicted though none is above its
        threshold, it is that one, and by how much it is below, as a number below 0. Both are empty
        without regions.
    """
    above = np.asarray(probabilities, np.float64).reshape(-1, len(thresholds)) - thresholds
    types = np.abs(above).argmin(axis=1)
    margins = np.abs(above)[np.arange(len(above)), types]
    for row, found in enumerate(labels):
        if found and above[row].max() <= 0:
            types[row] = found[0]
            margins[row] = above[row, found[0]]
    return margins, types


def _shortest(value: float) -> float:
    return float(str(np.float32(value)))
