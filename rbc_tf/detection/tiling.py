"""Images larger than those that a detector learnt from, cut into tiles of that size.

A detector scales any image to its input. What is several times larger than its training images
would be scaled down so far that cells vanish, so it is cut into tiles of the training images'
size, in source pixels, which overlap; `tile_merge` merges their detections.
"""

import dataclasses
import re
from collections.abc import Callable

import numpy as np

from rbc_tf.core.types import Detections
from rbc_tf.detection import tile_merge
from rbc_tf.detection.record import DetectorRecord

AUTO, NONE = "auto", "none"

# Up to so many times the training images' height and width an image stays whole where nobody asks
# for tiles: its cells are scaled down only little more, and tiles would take several times as long.
_WHOLE_UP_TO = 1.25
# Smaller tiles are a slip of the keyboard, and there would be millions of them.
_SMALLEST = 32
# Overlap as a share of the tile's shorter side: where the largest region is not known, the most
# that is taken unasked (more costs several times the tiles; what is longer is joined at seams),
# and the most that may be asked for.
_OVERLAP, _MOST_UNASKED, _MOST = 0.25, 1 / 3, 0.5
# A box that ends this near to a seam is taken as cut there, as a share of the tile's shorter side.
# Boxes of cut cells ended within a pixel of it with R101 in tiles of 480x640, within about 6 with
# the ResNet-18 of the demo in tiles of 720x1280.
_EDGE = 0.01
# Tiles at a time: memory stays the same however large the image is.
_BATCH = 4


@dataclasses.dataclass(frozen=True)
class TilingConfig:
    """What is asked for.

    Attributes:
        size: 'HxW' in source pixels; 'auto', the size of the detector's training images; or
            'none', every image whole.
        overlap: size in pixels up to which a region is in one tile as a whole; None for the
            largest region of the training, but no more than a third of the tile.

    Raises:
        ValueError: a value is of another form, or the tiles are too small.
    """

    size: str = AUTO
    overlap: int | None = None

    def __post_init__(self):
        if self.size not in (AUTO, NONE) and not re.fullmatch(r"[1-9]\d*x[1-9]\d*", self.size):
            raise ValueError(
                f"The tile size must be HxW in pixels, such as 480x640, {AUTO} or {NONE}. "
                f"Received: {self.size!r}"
            )
        if self.size not in (AUTO, NONE) and min(self._sides()) < _SMALLEST:
            raise ValueError(
                f"Tiles must be at least {_SMALLEST} pixels high and wide. Received: {self.size}"
            )
        if self.overlap is not None and self.overlap < 0:
            raise ValueError(f"The tile overlap must be 0 or more. Received: {self.overlap}")

    def resolve(self, record: DetectorRecord) -> "Tiles | None":
        """The tiles for a detector, given the record of its training; None for none.

        'auto' gives none for a detector without a record of its training images.

        Raises:
            ValueError: the overlap is more than half of the tile's shorter side.
        """
        if self.size == NONE or (self.size == AUTO and record.training_image_size is None):
            return None
        if self.size == AUTO:
            height, width = record.training_image_size
            whole_up_to = _WHOLE_UP_TO
        else:
            height, width = self._sides()
            whole_up_to = 1.0
        overlap = self._overlap(min(height, width), record.largest_training_region)
        return Tiles(height, width, overlap, whole_up_to)

    def _sides(self) -> tuple[int, int]:
        height, width = self.size.split("x")
        return int(height), int(width)

    def _overlap(self, side: int, largest_region: tuple[int, int] | None) -> int:
        if self.overlap is None:
            wanted = int(_OVERLAP * side) if largest_region is None else max(largest_region)
            return min(wanted, int(_MOST_UNASKED * side))
        most = int(_MOST * side)
        if self.overlap > most:
            raise ValueError(
                f"The tile overlap must be at most half of the tile's shorter side, {most}. "
                f"Received: {self.overlap}"
            )
        return self.overlap


@dataclasses.dataclass(frozen=True)
class Tiles:
    """Tiles of one size.

    Attributes:
        height, width: of a tile, in source pixels.
        overlap: size up to which a region is in one tile as a whole, away from its seams.
        whole_up_to: images up to so many times the tile, in height and width, stay whole.
    """

    height: int
    width: int
    overlap: int
    whole_up_to: float = 1.0

    @property
    def edge(self) -> int:
        """Pixels from a seam within which a box counts as cut by it."""
        return max(2, round(_EDGE * min(self.height, self.width)))

    @property
    def largest_whole(self) -> tuple[int, int]:
        """(height, width) of the largest image that stays whole."""
        return int(self.whole_up_to * self.height), int(self.whole_up_to * self.width)

    def cut(self, height: int, width: int) -> np.ndarray:
        """int64 [K, 4], the tiles of an image (ymin, xmin, ymax, xmax), row by row.

        All are of one size, that of a tile or of the image where that is smaller, and spread
        evenly, the last ending where the image ends. Neighbours overlap by more than `overlap`
        and `edge` on either side: so a region no larger than `overlap` lies in one of them
        more than `edge` away from every seam.
        """
        most_high, most_wide = self.largest_whole
        if height <= most_high and width <= most_wide:
            return np.array([[0, 0, height, width]])
        rows = self._starts(height, self.height)
        columns = self._starts(width, self.width)
        low = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        size = np.minimum([self.height, self.width], [height, width])
        return np.concatenate([low, low + size], axis=1)

    def _starts(self, length: int, tile: int) -> np.ndarray:
        rest = max(0, length - tile)
        count = -(-rest // (tile - self.overlap - 2 * self.edge - 1))
        return np.arange(count + 1) * rest // max(1, count)


def detect(
    predict_batch: Callable[[np.ndarray], list[Detections]],
    image: np.ndarray,
    tiles: Tiles | None,
    score_threshold: float,
) -> Detections:
    """Detections in an image uint8 [H, W, 3] RGB, best score first; in tiles where it is larger.

    Args:
        predict_batch: detections of each of a batch of images, uint8 [N, H, W, 3].
        image: the image.
        tiles: how it is cut; None for not at all.
        score_threshold: from which on detections of different tiles are compared and joined; see
            `tile_merge.merge`.
    """
    height, width = image.shape[:2]
    places = np.array([[0, 0, height, width]]) if tiles is None else tiles.cut(height, width)
    if len(places) == 1:
        return predict_batch(image[None])[0]
    found = []
    for start in range(0, len(places), _BATCH):
        batch = places[start : start + _BATCH]
        pixels = np.stack([image[y0:y1, x0:x1] for y0, x0, y1, x1 in batch])
        for place, detections in zip(batch, predict_batch(pixels), strict=True):
            shift = np.tile(place[:2], 2).astype(np.float32)
            found.append(Detections(detections.boxes + shift, detections.scores))
    seams = tile_merge.Seams(places, height, width, tiles.edge)
    return tile_merge.merge(seams, found, score_threshold)
