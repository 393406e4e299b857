"""One scale for the images of a folder: what `--scale=auto` comes to for images taken alike.

Of one image nobody can say whether its cells are small or its pixels large. The images of one
microscope and camera say it together: smears differ in the size of cells, which is what microcytes
and macrocytes are known by, and should not be scaled away one by one.
"""

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from absl import logging

from rbc_tf.core.fingerprint import StaleError
from rbc_tf.detection.tiling import Tiles
from rbc_tf.inference import cell_scale
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.results_folder import RUN, SCALE, DamagedError, ResultsFolder
from rbc_tf.inference.run_record import REPLACE
from rbc_tf.inference.view_config import AUTO, CommonScale, ViewConfig
from rbc_tf.manifest.manifest import Manifest

# Images that are looked at, each as if it were alone.
_MOST_IMAGES = 12
# Of fewer the middle one is chance.
_FEWEST_IMAGES = 3
# By how much, of what most images learnt from spanned, sizes of most of these may span: beyond,
# they are of several microscopes.
_MOST_SPREAD = 1.5
_MOST = (10, 90)  # percentiles

# Of images of more tiles than that the middle is looked at: a scanned slide has hundreds, and what
# is found in the whole of a smaller one serves its analysis.
_MOST_TILES = 9
# How high and wide that is in tiles, once its cells are as large as those learnt from: of larger
# ones too many would be cut by its border, and twice as much is looked at to tell their size.
_MIDDLE = 1.5
_FEWEST_REGIONS = 30  # that say it of the whole

Item = TypeVar("Item")


def applied(chain: Chain, items: Sequence[Item], read: Callable[[Item], np.ndarray]) -> Chain:
    """The chain with the common scale of images, where it is asked for and they have one.

    What cannot be read is passed over: whoever analyses it reports it.

    Args:
        chain: as it looks at one image.
        items: all images, in an order that is the same on every machine.
        read: gives the pixels of one, uint8 [H, W, 3] RGB; raises ImageError.
    """
    config = chain.view_config
    if not _may_be_found(config, chain.manifest) or config.common is not None:
        return chain
    return chain.viewing(dataclasses.replace(config, common=find(chain, items, read)))


def of_run(
    folder: ResultsFolder,
    bundle: Bundle,
    view_config: ViewConfig,
    find_it: Callable[[], CommonScale | None],
) -> ViewConfig:
    """How the images of a run are looked at: as in `applied`, but found once for a folder.

    Whoever goes on with a run, or shares it, finds the scale in its scale.json, where there is one.
    Results that are there without it were made one by one, and so are those that come to them.

    Args:
        folder: of the results.
        bundle: that makes them.
        view_config: what is asked for.
        find_it: as `find`; only called where there is no result yet, and nothing is known.

    Raises:
        StaleError: scale.json is damaged.
        OSError: it cannot be written.
    """
    if not _may_be_found(view_config, bundle.manifest):
        return view_config
    common = _noted(folder)
    if common is None and not folder.done():
        found = find_it()
        # Another run that shares the work may have been faster.
        common = _noted(folder)
        if common is None and found is not None and not folder.done():
            folder.write_json(SCALE, {"common": dataclasses.asdict(found)})
            common = found
    elif common is None:
        logging.info(
            "Scale: each image by itself, as those whose results are there. --overwrite takes all "
            "of them together"
        )
    return dataclasses.replace(view_config, common=common)


def of_results(output_dir: str | os.PathLike) -> CommonScale | None:
    """The scale of the images whose results lie in a folder; None where they have none in common.

    Raises:
        ValueError: the folder holds no results, or they are damaged (StaleError).
    """
    folder = ResultsFolder(output_dir)
    if not folder.exists(RUN):
        raise ValueError(f"{folder}: must hold results of rbc_tf analyze. Received: no {RUN}")
    return _noted(folder)


def find(
    chain: Chain, items: Sequence[Item], read: Callable[[Item], np.ndarray]
) -> CommonScale | None:
    """What images have in common; None where they are too few, or too unlike. See `applied`."""
    if len(items) < _FEWEST_IMAGES:
        return None
    chosen = np.linspace(0, len(items) - 1, min(len(items), _MOST_IMAGES)).astype(int)
    sizes = _sizes(chain, (items[place] for place in chosen), read)
    common = _of_sizes(sizes, chain.manifest.appearance["cell_size"])
    if common is not None and common.factor != 1:
        logging.info("Scale: %g for the images, from %d of them", common.factor, len(sizes))
    return common


def _may_be_found(config: ViewConfig, manifest: Manifest) -> bool:
    return config.scale == AUTO and "cell_size" in manifest.appearance


def _noted(folder: ResultsFolder) -> CommonScale | None:
    """What it is known that the images have in common."""
    try:
        noted = folder.read_json(SCALE)
        if noted is None:
            return None
        try:
            common = noted["common"]
            return None if common is None else CommonScale(**common)
        except (KeyError, TypeError, ValueError) as error:
            raise folder.damaged(SCALE, ValueError(error)) from error
    except DamagedError as error:
        raise StaleError(
            f"{error}, and how the results there were scaled is not known. {REPLACE}"
        ) from error


def _sizes(chain: Chain, items: Iterable[Item], read: Callable[[Item], np.ndarray]) -> list[float]:
    """Sizes of the regions of images in pixels as they came, of those with regions enough."""
    found = []
    for item in items:
        try:
            size = _size(chain, read(item))
        except Exception:  # whoever analyses it reports it
            logging.debug("%s: says nothing of the scale", item, exc_info=True)
            continue
        if size:
            found.append(size)
    return found


def _size(chain: Chain, image: np.ndarray) -> float | None:
    """Of the regions of an image, in pixels as it came; None of too few."""
    if cell_scale.is_crop(image, chain.manifest.appearance):
        return None
    threshold = chain.manifest.score_threshold
    tiles = chain.tiles
    if tiles is not None and len(tiles.cut(*image.shape[:2])) > _MOST_TILES:
        size = _size_in_the_middle(chain, image, tiles)
        if size is not None:
            return size
    view = chain.look(image, looked_at_again=True)
    size = view.cell_size(threshold)
    return None if size is None else size / view.factor


def _size_in_the_middle(chain: Chain, image: np.ndarray, tiles: Tiles) -> float | None:
    """The same, of regions around its centre; None of too few to speak for the whole."""
    threshold = chain.manifest.score_threshold
    for times in (_MIDDLE, 2 * _MIDDLE):
        first = chain.look(_middle(image, tiles, times))
        if first.cell_size(threshold) is not None:
            break
    guess = first.factor
    middle = cell_scale.scaled(_middle(image, tiles, _MIDDLE / guess), guess)
    view = chain.look(middle)
    if len(view.above(threshold)) < _FEWEST_REGIONS:
        return None
    size = view.cell_size(threshold)
    return None if size is None else size / (view.factor * guess)


def _middle(image: np.ndarray, tiles: Tiles, times: float) -> np.ndarray:
    """What lies around the centre of an image [H, W, 3], so many times a tile high and wide."""
    sides = [
        min(length, round(times * side))
        for length, side in zip(image.shape[:2], (tiles.height, tiles.width), strict=True)
    ]
    top, left = ((length - side) // 2 for length, side in zip(image.shape[:2], sides, strict=True))
    return np.ascontiguousarray(image[top : top + sides[0], left : left + sides[1]])


def _of_sizes(sizes: Sequence[float], seen: tuple[float, float]) -> CommonScale | None:
    """Of images whose regions have these sizes, where most that were learnt from had `seen`."""
    low, high = seen
    if len(sizes) < _FEWEST_IMAGES or low <= 0:
        return None
    smallest, largest = np.percentile(np.log(sizes), _MOST)
    if largest - smallest > _MOST_SPREAD * np.log(high / low):
        return None
    size = float(f"{np.median(sizes):.4g}")
    return CommonScale(cell_scale.factor_for(size, seen), size)
