"""The paper's figures 1 to 8 for a dataset folder and a run.

OUTPUT_DIR/figure_1.pdf, .svg, .png    and so on
OUTPUT_DIR/captions.json, captions.md  what each shows: data, rule of choice, counts, thresholds
"""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from absl import logging

from rbc_tf.core import image_io
from rbc_tf.data.dataset import Dataset
from rbc_tf.figures import (
    detected_regions,
    label_mask,
    model_comparison,
    patch_predictions,
    region_outcomes,
    separated_cells,
    type_samples,
    workflow,
)
from rbc_tf.figures.drawing import captions, style
from rbc_tf.figures.sources import CannotMake, Drawn, FigureSettings, FigureSources

FIGURES: dict[int, Callable[[FigureSources], Drawn]] = {
    1: type_samples.make,
    2: workflow.make,
    3: label_mask.make,
    4: detected_regions.make,
    5: patch_predictions.make,
    6: model_comparison.make,
    7: region_outcomes.make,
    8: separated_cells.make,
}


@dataclasses.dataclass(frozen=True)
class MadeFigures:
    """`made`: files by figure; `left_out`: reasons by figure."""

    made: dict[int, tuple[pathlib.Path, ...]]
    left_out: dict[int, str]


def make_figures(
    dataset: Dataset,
    output_dir: str | pathlib.Path,
    settings: FigureSettings = FigureSettings(),
    numbers: Sequence[int] | None = None,
) -> MadeFigures:
    """Makes figures and their captions; one that cannot be made is left out with the reason.

    Args:
        dataset: the folder with its splits.
        output_dir: for the files; those of other figures there stay.
        settings: models and choices.
        numbers: the figures, 1 to 8; all where None.

    Raises:
        ValueError: an unknown figure, an image that is not in the split, a split without images,
            or a bundle, U-Net or predictions that are damaged or of other types.
        OSError: `output_dir` cannot be written.
    """
    numbers = sorted(set(FIGURES if numbers is None else numbers))
    unknown = [number for number in numbers if number not in FIGURES]
    if unknown or not numbers:
        raise ValueError(f"Figures must be of 1 to {max(FIGURES)}. Received: {unknown}")
    sources = FigureSources(dataset, settings)
    made, left_out = {}, {}
    for number in numbers:
        try:
            figure, caption = FIGURES[number](sources)
        except (CannotMake, image_io.ImageError) as error:
            left_out[number] = str(error)
            logging.warning("figure %d is left out: %s", number, error)
            continue
        made[number] = style.save(figure, output_dir, f"figure_{number}")
        captions.write(output_dir, caption)
        logging.info("%s", made[number][0])
    return MadeFigures(made, left_out)
