"""Real cells as light sees them: how much of the field's light passes at each pixel.

A cell is its image divided by the light of the empty field, faded to 1 (all light passes) over a
few pixels beyond its mask and short of its neighbours and of the edge of the image. Where this is
1, nothing of the source shows, so that a cell has no rectangle about it.
"""

import dataclasses

import cv2
import numpy as np

from rbc_tf.core import image_io
from rbc_tf.core.cell_types import OTHER, CellTypes
from rbc_tf.core.types import Sample
from rbc_tf.data import regions
from rbc_tf.data.composed import field

_SOFT_EDGE = 6  # pixels beyond the mask over which a cell fades
_NEAR_OTHERS = 3  # pixels short of a neighbour within which it fades

# Patches are cut tightly: faint outer rings reach their edge, and fade beyond it. Where the edge
# cuts a dark rim, or a bright ring for long, the cell itself is cut off and not used.
_CUT_DARK = 0.85
_DARK_PIXELS = 3
_CUT_BRIGHT = 1.12
_BRIGHT_PIXELS = 14

# Black lettering and scale bars, which some images have drawn into them.
_INK = 0.42

# Platelets and dirt: darker than the field by this share, of this area, clear of cells.
_DEBRIS_CONTRAST = 0.07
_DEBRIS_AREA = (12, 300)
_DEBRIS_CLEARANCE = 7
_DEBRIS_BRIGHTEST = 1.25  # coloured lights of broken pixels and glints are left out

# Cells whose light is so weak lie in a dark corner, where the field is not known well.
_DARK_CORNER = 0.55

_LIGHT_SIDE = 80  # pixels that suffice for the light of a field, which varies slowly

# Dyes hold back some colours more than others, by so much optical density at least; grey cells are
# not stained. Densities below the second are too faint to be divided by.
_COLOURED = 0.02
_FAINT = 0.02


@dataclasses.dataclass(frozen=True, eq=False)
class SourceCell:
    """A real cell, or a piece of debris, to be placed.

    Attributes:
        mask: bool [h, w], True on the cell.
        passed: float16 [h, w, 3], share of the field's light that passes; 1 where nothing is.
        opacity: float16 [h, w], 1 where pixels (and grain) are the source's, 0 where the field's.
        type: of the cell; '' for debris.
        image: name of the source image.
        x: of its labelled point there, in pixels; the middle of debris.
        y: as x, down.
    """

    mask: np.ndarray
    passed: np.ndarray
    opacity: np.ndarray
    type: str
    image: str
    x: float
    y: float

    def stained(self, strength: np.ndarray) -> "SourceCell":
        """With optical densities multiplied by float [3]."""
        passed = np.power(np.float32(self.passed), np.float32(strength), dtype=np.float32)
        return dataclasses.replace(self, passed=passed.astype(np.float16))

    def turned(self, angle: float, mirrored: bool) -> "SourceCell":
        """Turned by `angle` (radians) about its middle, and mirrored before that."""
        height, width = self.mask.shape
        flip = -1.0 if mirrored else 1.0
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos * flip, -sin], [sin * flip, cos]])
        # Rounded, so that a quarter turn moves nothing by half a pixel.
        new_width, new_height = np.rint(np.abs(turn) @ (width, height)).astype(int) + 4
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        shift = np.array([(new_width - 1) / 2, (new_height - 1) / 2]) - turn @ middle
        matrix = np.column_stack([turn, shift])

        def warp(values, outside):
            size = (int(new_width), int(new_height))
            values, border = np.float32(values), (outside,) * 3
            return cv2.warpAffine(values, matrix, size, flags=cv2.INTER_CUBIC, borderValue=border)

        mask = warp(self.mask, 0.0) > 0.5
        opacity = np.clip(warp(self.opacity, 0.0), 0, 1).astype(np.float16)
        passed = np.maximum(warp(self.passed, 1.0), 0).astype(np.float16)
        return dataclasses.replace(self, mask=mask, passed=passed, opacity=opacity)._trimmed()

    def _trimmed(self) -> "SourceCell":
        rows = np.flatnonzero((self.opacity > 0).any(axis=1) | self.mask.any(axis=1))
        columns = np.flatnonzero((self.opacity > 0).any(axis=0) | self.mask.any(axis=0))
        window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        cut = {name: getattr(self, name)[window] for name in ("mask", "passed", "opacity")}
        return dataclasses.replace(self, **cut)


@dataclasses.dataclass(frozen=True, eq=False)
class SourceImage:
    """What one image of the source gives.

    Attributes:
        name: of the image.
        cells: its single cells that are whole and of a known type.
        debris: its platelets and pieces of dirt.
        light: float32 [h, w, 3], the light of its empty field, on fewer pixels.
        is_patch: it is a patch cut around a cell, which shows the light about that cell alone.
        stain: float64 [3], median optical density of all its cells.
        clear_area: number of its pixels without cells.
        cut: number of single cells passed over because the image's edge cuts them.
    """

    name: str
    cells: tuple[SourceCell, ...]
    debris: tuple[SourceCell, ...]
    light: np.ndarray
    is_patch: bool
    stain: np.ndarray
    clear_area: int
    cut: int


def read(sample: Sample, cell_types: CellTypes) -> SourceImage:
    """Cuts the single cells (and debris) of one image of a dataset out of it."""
    image = image_io.read_image(sample.image_path, sample.intensity)
    mask = read_mask(sample)
    light = field.background(image, mask)
    passed = image / np.maximum(light, 1)
    found = regions.find_regions(sample)
    labels, stats = regions.label_regions(mask, regions.RegionConfig())
    row_of_box = {tuple(box[:4].tolist()): row for row, box in enumerate(stats)}
    cells, cut = [], 0
    for region in found:
        if not _is_single(region, cell_types):
            continue
        own = labels == row_of_box[tuple(int(edge) for edge in region.box)] + 1
        (point,) = [c for c in sample.cells if own[int(c.y), int(c.x)]]
        cell = _cut_out(own, mask, passed, light, point.type, sample.name, point.x, point.y)
        if cell is None:
            cut += 1
        else:
            cells.append(cell)
    density = -np.log(np.clip(passed[mask], 0.02, 1.5))
    stain = np.median(density, axis=0) if mask.any() else np.zeros(3)
    debris = _find_debris(mask, passed, light, sample.name)
    size = tuple(min(side, _LIGHT_SIDE) for side in mask.shape[::-1])
    return SourceImage(
        name=sample.name,
        cells=tuple(cells),
        debris=debris,
        light=cv2.resize(light, size, interpolation=cv2.INTER_AREA),
        is_patch=field.is_patch(mask.shape),
        stain=stain,
        clear_area=int((~mask).sum()),
        cut=cut,
    )


def read_mask(sample: Sample) -> np.ndarray:
    """bool [H, W], the mask of an image; raises ValueError where it has none."""
    if sample.mask_path is None:
        raise ValueError(f"{sample.image_path}: a mask is required to cut its cells out")
    return image_io.read_mask(sample.mask_path)


def stain_ratio(own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """float64 [3], what the densities of an image of median density `own` are to be multiplied by.

    Slides differ in how strongly they are stained; within one field cells do not. Unstained cells,
    which are grey, stay as they are.
    """
    if min(np.ptp(own), np.ptp(wanted)) < _COLOURED:
        return np.ones(3)
    return np.maximum(wanted, _FAINT) / np.maximum(own, _FAINT)


def _is_single(region, cell_types) -> bool:
    whole = region.complete and region.num_cells == 1 and region.num_points == 1
    return whole and region.types[0] != OTHER and region.types[0] in cell_types


def _cut_out(own, mask, passed, light, type_name, image_name, x, y) -> SourceCell | None:
    """A component of the mask as a cell; None where ink, darkness or the image's edge spoils it."""
    rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
    reach = _SOFT_EDGE + 2
    top, left = max(rows[0] - reach, 0), max(columns[0] - reach, 0)
    window = (slice(top, rows[-1] + reach + 1), slice(left, columns[-1] + reach + 1))
    inner, own, others = passed[window], own[window], (mask & ~own)[window]
    dark_corner = light[window].max(axis=-1).min() < _DARK_CORNER * light.max()
    # In patches, unstained, the dark rims of well focused cells are as black.
    inked = not field.is_patch(mask.shape) and inner[own].max(axis=-1).min() < _INK
    if dark_corner or inked or _is_cut(inner, window, passed.shape):
        return None
    around = (_distance_to(own) > _SOFT_EDGE) & (_distance_to(others) > _NEAR_OTHERS + 1)
    if around.sum() >= 30:  # what is left of the field's unevenness about this cell
        inner = inner / np.median(inner[around], axis=0)
    # Beyond the edge of a patch its outermost pixels go on, and fade.
    inner = np.pad(inner, [(reach, reach), (reach, reach), (0, 0)], mode="edge")
    own, others = np.pad(own, reach), np.pad(others, reach)
    opacity = _ramp(1 - _distance_to(own) / _SOFT_EDGE)
    opacity *= _ramp(_distance_to(others) / _NEAR_OTHERS)
    faded = 1 + opacity[..., None] * (inner - 1)
    return SourceCell(
        own, faded.astype(np.float16), opacity.astype(np.float16), type_name, image_name, x, y
    )._trimmed()


def _is_cut(inner, window, shape) -> bool:
    """Whether the cell in the window goes on beyond the edge of the image."""
    rows, columns = window
    sides = [
        inner[0] if rows.start == 0 else None,
        inner[-1] if rows.stop >= shape[0] else None,
        inner[:, 0] if columns.start == 0 else None,
        inner[:, -1] if columns.stop >= shape[1] else None,
    ]
    for side in sides:
        if side is not None:
            dark = (side.min(axis=-1) < _CUT_DARK).sum()
            bright = (side.max(axis=-1) > _CUT_BRIGHT).sum()
            if dark > _DARK_PIXELS or bright > _BRIGHT_PIXELS:
                return True
    return False


def _find_debris(mask, passed, light, image_name) -> tuple[SourceCell, ...]:
    """Small dark things clear of cells and of the image's edge."""
    smooth = cv2.GaussianBlur(passed, (0, 0), 1.0).min(axis=-1)
    dark = smooth < 1 - _DEBRIS_CONTRAST
    count, labels, stats, middles = cv2.connectedComponentsWithStats(dark.astype(np.uint8))
    clear = _distance_to(mask)
    found = []
    for row in range(1, count):
        left, top, width, height, area = stats[row]
        inside = min(left, top) > 8 and left + width < mask.shape[1] - 8
        inside = inside and top + height < mask.shape[0] - 8
        if not inside or not _DEBRIS_AREA[0] <= area <= _DEBRIS_AREA[1]:
            continue
        own = labels == row
        if clear[own].min() < _DEBRIS_CLEARANCE:
            continue
        x, y = middles[row]
        piece = _cut_out(own, own | mask, passed, light, "", image_name, float(x), float(y))
        if piece is not None and piece.passed.max() < _DEBRIS_BRIGHTEST:
            found.append(piece)
    return tuple(found)


def _distance_to(mask: np.ndarray) -> np.ndarray:
    """float32 [H, W], from each pixel to the nearest of the mask; large where it is empty."""
    if not mask.any():
        return np.full(mask.shape, 1e6, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)


def _ramp(values: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(values, 0, 1)
    return t * t * (3 - 2 * t)
