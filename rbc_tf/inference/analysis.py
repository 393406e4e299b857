"""What was found in one image: as objects, as JSON, and as rows of a table.

One row per region, the same in regions.csv and in `Analysis.to_dicts`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rbc_tf.core import boxes as box_lib
from rbc_tf.core.cell_types import SEPARATOR, CellTypes
from rbc_tf.core.types import AnalyzedRegions
from rbc_tf.metrics import intervals


class Box(NamedTuple):
    """Edges in source-image pixels, origin at the top left, max edges exclusive."""

    ymin: float
    xmin: float
    ymax: float
    xmax: float


@dataclasses.dataclass(frozen=True)
class PredictedRegion:
    """One region of an image: where it is, and which cell types it holds.

    Attributes:
        box: (ymin, xmin, ymax, xmax) in source-image pixels, max edges exclusive.
        score: of the detector, in [0, 1].
        probabilities: {name of a type: calibrated probability}, every type in its order. A region
            may hold several types: they do not sum to 1.
        labels: names of the types that are predicted: those whose probability is above their
            threshold; where none is, that of highest probability, or, by the paper's rule, none.
        abnormal_probability: that the region holds an abnormal type.
        abnormal: whether that is above its threshold.
    """

    box: Box
    score: float
    probabilities: Mapping[str, float]
    labels: tuple[str, ...]
    abnormal_probability: float
    abnormal: bool


@dataclasses.dataclass(frozen=True)
class Analysis:
    """The regions of one image, best detection first.

    Attributes:
        image: name of the image; '' for pixels without one.
        image_sha256: hash of its file; None for pixels.
        height, width: of the image, in pixels.
        regions: what was found; may be empty.
        cell_types: the T types, in the order of all probabilities.
        exposure: 'nearly black' or 'nearly white' where nothing can be seen in it; else None.
        unlike: {in what it is unlike the images that the bundle learnt from: the values}.
        scale: factor by which it was scaled to be analysed; see `cell_scale`.
        gain: factor by which its values were multiplied to be analysed; see `light`.
        grey: it has no colours.
    """

    image: str
    image_sha256: str | None
    height: int
    width: int
    regions: tuple[PredictedRegion, ...]
    cell_types: CellTypes
    exposure: str | None = None
    unlike: Mapping[str, str] = dataclasses.field(default_factory=dict)
    scale: float = 1.0
    gain: float = 1.0
    grey: bool = False

    @classmethod
    def from_arrays(
        cls,
        image: str,
        image_sha256: str | None,
        image_shape: Sequence[int],
        found: AnalyzedRegions,
        labels: np.ndarray,
        cell_types: CellTypes,
        abnormal_threshold: float,
    ) -> "Analysis":
        """From the arrays of the chain.

        Args:
            image: its name.
            image_sha256: hash of its file, if it is of one.
            image_shape: (height, width, ...).
            found: its N regions.
            labels: bool [N, T], the types predicted to be present.
            cell_types: the T types.
            abnormal_threshold: a region counts as abnormal above it.
        """
        names = cell_types.names
        regions = tuple(
            PredictedRegion(
                box=Box(*box),
                score=float(found.scores[row]),
                probabilities=dict(zip(names, found.probabilities[row].tolist(), strict=True)),
                labels=tuple(t for t, present in zip(names, labels[row], strict=True) if present),
                abnormal_probability=float(found.abnormal[row]),
                abnormal=bool(found.abnormal[row] > abnormal_threshold),
            )
            for row, box in enumerate(found.boxes.tolist())
        )
        size = int(image_shape[0]), int(image_shape[1])
        view = {"scale": float(found.scale), "gain": float(found.gain)}
        return cls(image, image_sha256, *size, regions, cell_types, **view)

    def __repr__(self) -> str:
        # Without the regions: hundreds of lines in a notebook.
        return (
            f"Analysis({self.image!r}, {self.width} x {self.height} pixels: {len(self.regions)} "
            f"regions, {self.num_abnormal_regions} of them abnormal)"
        )

    @property
    def num_abnormal_regions(self) -> int:
        return sum(region.abnormal for region in self.regions)

    @property
    def num_regions_by_type(self) -> dict[str, int]:
        """{name of a type: number of regions that hold it}, every type in its order."""
        counts = dict.fromkeys(self.cell_types.names, 0)
        for region in self.regions:
            for label in region.labels:
                counts[label] += 1
        return counts

    def to_json(self) -> dict:
        """The content of images/NAME.json in a folder of results.

        Regions with box, score, every type's probability, labels and abnormal probability; the
        number of regions by type; the share of regions (not of cells) that are abnormal, with its
        95 % interval (Wilson), None where no region was found.
        """
        return {
            "image": self.image,
            "image_sha256": self.image_sha256,
            "height": self.height,
            "width": self.width,
            **({"exposure": self.exposure} if self.exposure else {}),
            **({"unlike": dict(self.unlike)} if self.unlike else {}),
            **({"scale": self.scale} if self.scale != 1 else {}),
            **({"gain": self.gain} if self.gain != 1 else {}),
            **({"grey": True} if self.grey else {}),
            "num_regions": len(self.regions),
            "num_regions_by_type": self.num_regions_by_type,
            "num_abnormal_regions": self.num_abnormal_regions,
            **abnormal_share(self.num_abnormal_regions, len(self.regions)),
            "regions": [
                {
                    "box": region.box._asdict(),
                    "score": region.score,
                    "probabilities": dict(region.probabilities),
                    "labels": list(region.labels),
                    "abnormal_probability": region.abnormal_probability,
                    "abnormal": region.abnormal,
                }
                for region in self.regions
            ],
        }

    def to_dicts(self) -> list[dict]:
        """One flat dict per region, with the columns and values of regions.csv.

        `pandas.DataFrame(analysis.to_dicts())` is a table of regions. Labels are joined by ';',
        `region` counts from 1, `abnormal` and `at_border` are 1 or 0.
        """
        header = csv_header(self.cell_types)
        return [dict(zip(header, row, strict=True)) for row in csv_rows(self.to_json())]


def abnormal_share(abnormal: int, total: int) -> dict:
    """The share of abnormal regions with its 95 % interval; None where there is no region."""
    return {
        "abnormal_region_share": abnormal / total if total else None,
        "abnormal_region_share_95": list(intervals.wilson(abnormal, total)) if total else None,
    }


def csv_header(cell_types: CellTypes) -> list[str]:
    """The columns of regions.csv."""
    return [
        *("image", "region", "ymin", "xmin", "ymax", "xmax", "score"),
        *(f"p_{name}" for name in cell_types.names),
        *("labels", "abnormal_probability", "abnormal", "at_border"),
    ]


def csv_rows(result: Mapping) -> list[list]:
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
            int(cut),
        ]
        for number, (region, cut) in enumerate(
            zip(result["regions"], at_border(result), strict=True), start=1
        )
    ]


def boxes(result: Mapping) -> np.ndarray:
    """float32 [N, 4] (ymin, xmin, ymax, xmax), of the regions of an image's JSON."""
    return box_lib.as_boxes(
        [[region["box"][edge] for edge in Box._fields] for region in result["regions"]]
    )


def at_border(result: Mapping) -> np.ndarray:
    """bool [N], whether the regions of an image's JSON touch its border: they may be cut by it."""
    return box_lib.at_border(boxes(result), result["height"], result["width"])


def warned_of(result: Mapping) -> list[tuple[str, str]]:
    """(what an image is, the values that say it or '') of all that it is warned of, from its JSON.

    First its exposure, then what it is unlike the images that were learnt from; often nothing.
    """
    exposure = result.get("exposure")
    return [*([(exposure, "")] if exposure else []), *result.get("unlike", {}).items()]
