"""How many of the labelled cells of other people's images a bundle finds."""

import pathlib
from collections.abc import Mapping

import tqdm

from rbc_tf.core import boxes, image_io, score_tables
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table
from rbc_tf.inference.chain import Chain
from rbc_tf.metrics.cell_coverage import ALONE, INSIDE, score_coverage


def evaluate(chain: Chain, images: Mapping[pathlib.Path, Mapping]) -> list[Score]:
    """Detects regions in images and scores how many labelled cells lie in them.

    Args:
        chain: the loaded bundle; see `common_scale.applied` for how it looks at several images.
        images: {image: {label: boxes [M, 4] of its cells in pixels}}.

    Returns:
        See `score_coverage`; besides, the numbers of images that were scaled, that were made
        brighter, and that are unlike those that the bundle learnt from.

    Raises ImageError where an image cannot be read.
    """
    regions, scaled, lit, unlike = [], 0, 0, 0
    threshold = chain.manifest.score_threshold
    for path in tqdm.tqdm(images, desc="evaluate", unit="image"):
        image = image_io.read_image(path)
        view = chain.look(image)
        kept = view.above(threshold).boxes
        regions.append(boxes.as_boxes(view.to_source(kept)))
        scaled += view.factor != 1
        lit += view.gain != 1
        unlike += bool(chain.unlike(view, image))
    return [
        *score_coverage(list(images.values()), regions),
        Score("num_scaled", int(scaled)),
        Score("num_lit", int(lit)),
        Score("num_unlike", unlike),
    ]


def table(scores: list[Score], title: str) -> Table:
    """The scores, one a row."""
    note = (
        f"A cell is inside where a detection holds {INSIDE:.0%} of its box or more, with others or "
        f"not; alone where the IoU of both is {ALONE:.0%} or more."
    )
    return score_tables.listing(scores, title, notes=(note,))
