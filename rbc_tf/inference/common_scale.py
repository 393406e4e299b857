"""One scale for the images of a folder: what `--scale=auto` comes to for images taken alike.

Of one image nobody can say whether its cells are small or its pixels large. The images of one
microscope and camera say it together: smears differ in the size of cells, which is what microcytes
and macrocytes are known by, and should not be scaled away one by one.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from absl import logging

from rbc_tf.inference import cell_scale, run_record
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.results_folder import ResultsFolder
from rbc_tf.inference.view_config import AUTO, ViewConfig
from rbc_tf.manifest.manifest import Manifest

# Images that are looked at; each costs a detection or two.
_MOST_IMAGES = 12
# Of fewer the middle one is chance.
_FEWEST_IMAGES = 3
# By how much, of what most images learnt from spanned, sizes of most of these may span: beyond,
# they are of several microscopes.
_MOST_SPREAD = 1.5
_MOST = (10, 90)  # percentiles

Item = TypeVar("Item")


def applied(chain: Chain, items: Sequence[Item], read: Callable[[Item], np.ndarray]) -> Chain:
    """The chain with the common scale of images, where it is asked for and they have one.

    What cannot be read is passed over: whoever analyses it reports it.

    Args:
        chain: as it looks at one image.
        items: all images, in an order that is the same on every machine.
        read: gives the pixels of one, uint8 [H, W, 3] RGB; raises ImageError.
    """
    if not _is_to_be_found(chain.view_config, chain.manifest, len(items)):
        return chain
    return chain.viewing(_found(chain, items, read))


def of_run(
    folder: ResultsFolder,
    bundle: Bundle,
    view_config: ViewConfig,
    items: Sequence[Item],
    read: Callable[[Item], np.ndarray],
    load_chain: Callable[[], Chain],
) -> ViewConfig:
    """How the images of a run are looked at: as in `applied`, but found once for a folder.

    Those who go on with a run, or share it, find the scale in its run.json.

    Args:
        folder: of the results.
        bundle: that makes them.
        view_config: what is asked for.
        items, read: as of `applied`.
        load_chain: gives the loaded bundle; only called where the scale is not known.
    """
    if not _is_to_be_found(view_config, bundle.manifest, len(items)):
        return view_config
    is_known, common = run_record.common_scale(folder)
    if is_known:
        return dataclasses.replace(view_config, common=common)
    found = _found(load_chain(), items, read)
    run_record.note_common_scale(folder, found.common)
    return found


def _is_to_be_found(config: ViewConfig, manifest: Manifest, num_images: int) -> bool:
    """Whether so many images may have a common scale that is not known yet."""
    is_asked_for = config.scale == AUTO and config.common is None
    return is_asked_for and num_images >= _FEWEST_IMAGES and "cell_size" in manifest.appearance


def _found(chain: Chain, items: Sequence[Item], read: Callable[[Item], np.ndarray]) -> ViewConfig:
    chosen = np.linspace(0, len(items) - 1, min(len(items), _MOST_IMAGES)).astype(int)
    common = _of_sizes(chain, _sizes(chain, (items[place] for place in chosen), read))
    if common is not None and common != 1:
        logging.info("Scale: %g for all images, from %d of them", common, len(chosen))
    return dataclasses.replace(chain.view_config, common=common)


def _sizes(chain: Chain, items: Iterable[Item], read: Callable[[Item], np.ndarray]) -> list[float]:
    """Sizes of the regions of images in pixels as they came, of those with regions enough."""
    found = []
    for item in items:
        try:
            view = chain.look(read(item))
        except Exception:  # whoever analyses it reports it
            continue
        size = view.region_size(chain.manifest.score_threshold)
        if size is not None:
            found.append(size / view.factor)
    return found


def _of_sizes(chain: Chain, sizes: Sequence[float]) -> float | None:
    """The factor for images of these sizes; None where they have none in common."""
    if len(sizes) < _FEWEST_IMAGES:
        return None
    low, high = chain.manifest.appearance["cell_size"]
    smallest, largest = np.percentile(np.log(sizes), _MOST)
    if low <= 0 or largest - smallest > _MOST_SPREAD * np.log(high / low):
        return None
    return cell_scale.factor_for(float(np.median(sizes)), (low, high))
