"""The mask of the cell in a grey bright-field patch that was cut around it.

In bright field a cell is as bright as the empty field, but it has a bright ring, a dark rim and
often structure. What differs from the background level is closed and filled. Where the rim is too
faint to close, wider closings and lower thresholds are tried, and taken where they mend it.
"""

import cv2
import numpy as np
from scipy import ndimage

# Of Otsu's threshold between background and rims: rims are fainter on one side where the focus is
# a little off.
_SHARE_OF_OTSU = 0.6
_LOWER_SHARE = 0.4

_CLOSINGS = (7, 11, 15)  # pixels; cells are 40 to 60 wide
_OPENING = 7  # cuts off what hangs on the cell by a thread
_TIP = 5  # what the opening took from the cell's own tips is given back this far

# A platelet or a piece of a neighbour hangs on the cell by a neck: worn away to less than this
# share of the cell's half width the two part, and what is left of the piece is smaller by far.
_WIDEST_NECK = 0.6
_LARGEST_PIECE = 0.35
_SMALLEST_CORE = 8  # pixels

# A wider closing that mends an open rim fills the cell's inside: the area jumps.
_MENDED = 1.15
# A rim that stays open leaves a region with a deep bay; only then a lower threshold is tried, and
# taken where the bay goes, not where the region grows along the edge of the patch.
_WHOLE_SOLIDITY = 0.88
_BETTER_SOLIDITY = 0.05
_MORE_EDGE = 20


def segment_patch(patch: np.ndarray) -> np.ndarray:
    """uint8 [H, W] grey to bool [H, W], True on the one cell; all False on an even patch."""
    difference = _difference(patch)
    best = _cell(_filled(difference > _SHARE_OF_OTSU, _CLOSINGS[0]))
    for closing in _CLOSINGS[1:]:
        wider = _cell(_filled(difference > _SHARE_OF_OTSU, closing))
        if wider.sum() > _MENDED * best.sum():
            best = wider
    for closing in _CLOSINGS:
        if not best.any() or solidity(best) >= _WHOLE_SOLIDITY:
            break
        lower = _cell(_filled(difference > _LOWER_SHARE, closing))
        mended = solidity(lower) > solidity(best) + _BETTER_SOLIDITY and lower.sum() > best.sum()
        if mended and frame(lower).sum() <= frame(best).sum() + _MORE_EDGE:
            best = lower
    return _without_pieces(best)


def solidity(mask: np.ndarray) -> float:
    """The share of its convex hull that a mask fills; 1 for an empty one."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return 1.0
    hull = cv2.contourArea(cv2.convexHull(np.concatenate(contours)))
    return float(mask.sum()) / max(hull, 1.0)


def frame(image: np.ndarray) -> np.ndarray:
    """The outermost pixels of an image [H, W], each once."""
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def _difference(patch: np.ndarray) -> np.ndarray:
    """float32 [H, W], distance from the background level in units of Otsu's threshold."""
    level = np.median(frame(patch))  # cells leave most of the patch's edge free
    distance = np.abs(cv2.GaussianBlur(patch.astype(np.float32), (0, 0), 1.0) - level)
    largest = distance.max()
    if largest < 1:
        return np.zeros_like(distance)
    levels = np.rint(distance * (255 / largest)).astype(np.uint8)
    otsu, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return levels / np.float32(max(otsu, 1))


def _filled(mask: np.ndarray, closing: int) -> np.ndarray:
    # Outside of the patch there is background, so that no closing draws along its edge.
    wide = np.pad(mask.astype(np.uint8), closing)
    closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, _disc(closing))
    return ndimage.binary_fill_holes(closed)[closing:-closing, closing:-closing]


def _cell(mask: np.ndarray) -> np.ndarray:
    """The largest component, without what hangs on it by a thread."""
    largest = _largest(mask)
    opened = _opened(largest, _OPENING)
    if not opened.any():
        return largest
    body = cv2.dilate(_largest(opened).astype(np.uint8), _disc(_TIP)) > 0
    return _largest(body & largest)


def _without_pieces(mask: np.ndarray) -> np.ndarray:
    """Without what hangs on the cell by a neck; pixels of the neck go to the nearer of the two."""
    # Beyond the edge of the patch all goes on as at the edge, so that nothing is worn away there.
    pad = max(mask.shape)
    wide = np.pad(mask, pad, mode="edge")
    inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5).max()
    for depth in range(_OPENING // 2, int(_WIDEST_NECK * inside) + 1):
        depths = cv2.distanceTransform(wide.astype(np.uint8), cv2.DIST_L2, 5)[pad:-pad, pad:-pad]
        _, labels, stats, _ = cv2.connectedComponentsWithStats(
            (depths > depth).astype(np.uint8), connectivity=4
        )
        areas = stats[:, cv2.CC_STAT_AREA] * (np.arange(len(stats)) > 0)
        is_piece = (areas >= _SMALLEST_CORE) & (areas < _LARGEST_PIECE * areas.max())
        if is_piece.any():
            cell = _distance(labels == areas.argmax()) <= _distance(is_piece[labels])
            mask = _largest(mask & cell)
            wide = np.pad(mask, pad, mode="edge")
    return mask


def _distance(mask: np.ndarray) -> np.ndarray:
    """float32 [H, W], from each pixel to the nearest of the mask."""
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)


def _opened(mask: np.ndarray, diameter: int) -> np.ndarray:
    # Beyond the edge of the patch all goes on as at the edge, so that nothing is cut off there.
    wide = np.pad(mask.astype(np.uint8), diameter, mode="edge")
    opened = cv2.morphologyEx(wide, cv2.MORPH_OPEN, _disc(diameter))
    return opened[diameter:-diameter, diameter:-diameter] > 0


def _largest(mask: np.ndarray) -> np.ndarray:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if len(stats) == 1:
        return np.zeros(mask.shape, bool)
    return labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])


def _disc(diameter: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))
