"""One synthetic smear: image, mask and labelled cells."""

import dataclasses

import numpy as np

from rbc_tf.core.types import Cell
from rbc_tf.data.synthetic import debris, optics
from rbc_tf.data.synthetic.config import SmearConfig
from rbc_tf.data.synthetic.scene import Scene, draw_scene

# Added to a seed, these keep the random numbers of slides, scenes and pictures independent.
_SLIDE, _SCENE, _PICTURE = 0, 1, 2

# The diameter, in pixels, for which lens and camera are described.
_REFERENCE_DIAMETER = 60.0


@dataclasses.dataclass(frozen=True, eq=False)
class SyntheticSmear:
    """A rendered smear.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        mask: bool [H, W], True on cells; platelets and debris are background.
        cells: all cells of the mask, each with a point inside its own pixels.
    """

    image: np.ndarray
    mask: np.ndarray
    cells: tuple[Cell, ...]


def render_smear(config: SmearConfig, seed: int, slide_seed: int | None = None) -> SyntheticSmear:
    """Renders the smear that `config` and the seeds determine.

    Args:
        seed: of cells, places and noise; any integer of at least 0.
        slide_seed: of stain and light, which images of one slide share; `seed` where not given.

    Raises:
        ValueError: where a seed is negative.
    """
    slide = _slide(seed, slide_seed)
    scene = _scene(config, seed, slide)
    return SyntheticSmear(_picture(config, scene, slide, seed), scene.mask, scene.cells())


def smear_cells(config: SmearConfig, seed: int, slide_seed: int | None = None) -> tuple[Cell, ...]:
    """The cells of `render_smear` for the same arguments, without the picture."""
    return _scene(config, seed, _slide(seed, slide_seed)).cells()


def _slide(seed, slide_seed) -> optics.Slide:
    return optics.draw_slide(_generator(seed if slide_seed is None else slide_seed, _SLIDE))


def _scene(config, seed, slide) -> Scene:
    return draw_scene(config, config.cell_diameter * slide.magnification, _generator(seed, _SCENE))


def _picture(config, scene, slide, seed) -> np.ndarray:
    rng = _generator(seed, _PICTURE)
    frame = scene.coverage.shape
    haemoglobin = np.zeros(frame, dtype=np.float32)
    basophilia = np.zeros(frame, dtype=np.float32)
    for placed in scene.placed:
        in_frame, in_canvas = placed.windows(frame)
        haemoglobin[in_frame] += placed.cell.haemoglobin[in_canvas]
        basophilia[in_frame] += placed.cell.basophilia[in_canvas]
    diameter = config.cell_diameter * slide.magnification
    debris.add_platelets(haemoglobin, basophilia, scene, config, diameter, rng)
    num_specks = config.debris_per_cell * len(scene.placed)
    debris.add_debris(haemoglobin, basophilia, num_specks, diameter, rng)
    scale = diameter / _REFERENCE_DIAMETER
    return optics.photograph(slide, haemoglobin, basophilia, scale, rng)


def _generator(seed, purpose) -> np.random.Generator:
    if seed < 0:
        raise ValueError(f"`seed` must be an integer of at least 0. Received: {seed!r}")
    return np.random.default_rng([seed, purpose])
