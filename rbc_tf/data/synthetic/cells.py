"""How one cell of each type looks: its outline and how much dye lies in each of its pixels.

The ranges below are chosen so that the types overlap as they do under a microscope: weak slits
beside weak pallor, few granules, ovals nearly as long as short elliptocytes.
"""

import dataclasses
from collections.abc import Callable

import cv2
import numpy as np

from rbc_tf.data.synthetic import outlines, texture
from rbc_tf.data.synthetic.canvas import Canvas


@dataclasses.dataclass(frozen=True, eq=False)
class DrawnCell:
    """One cell on its own canvas.

    Attributes:
        type: name of its type.
        mask: bool [h, w], True on the cell.
        haemoglobin: float32 [h, w], optical density of its eosin-stained body, in units of a
            typical cell's; slightly negative in the bright halo outside the edge.
        basophilia: float32 [h, w], the same for what takes the blue dye.
    """

    type: str
    mask: np.ndarray
    haemoglobin: np.ndarray
    basophilia: np.ndarray


def draw_cell(type_name: str, diameter: float, rng: np.random.Generator) -> DrawnCell:
    """Draws one cell of a type of the paper; `diameter` is a typical disc's, in pixels.

    Raises:
        ValueError: where the type is not one of the paper's.
    """
    if type_name not in _DRAWERS:
        raise ValueError(
            f"`type_name` must be one of {', '.join(_DRAWERS)}. Received: {type_name!r}"
        )
    # Anisocytosis: the sizes of red cells vary by some 10 % even in health.
    radius = 0.5 * diameter * np.exp(np.clip(rng.normal(0, 0.09), -0.25, 0.25))
    canvas, haemoglobin, basophilia = _DRAWERS[type_name](rng, radius)
    haemoglobin = haemoglobin * np.clip(rng.normal(1.0, 0.08), 0.75, 1.25)
    haemoglobin = haemoglobin * (1.0 + 0.035 * texture.mottling(rng, canvas.shape, 3))
    return DrawnCell(
        type=type_name,
        mask=canvas.mask,
        haemoglobin=_focused(rng, haemoglobin, diameter, halo=rng.uniform(0.1, 0.5)),
        basophilia=_focused(rng, basophilia, diameter, halo=0.0),
    )


def _oval(rng, radius):
    # Discs and ovals; the tail of the latter reaches the shortest elongated cells.
    aspect = 1.0 + abs(rng.normal(0, 0.10)) if rng.random() < 0.6 else rng.uniform(1.12, 1.5)
    canvas = _canvas(rng, outlines.ellipse(rng, radius, aspect, 0.03), radius)
    return canvas, _biconcave(rng, canvas, radius, aspect), _no_dye(canvas)


def _elongated(rng, radius):
    if rng.random() < 0.5:
        outline = _sickle_outline(rng, radius)
    elif rng.random() < 0.5:
        outline = outlines.ellipse(rng, 0.92 * radius, rng.uniform(1.45, 2.3), 0.03)
    else:
        length = 2 * radius * rng.uniform(1.25, 1.65)
        thickness = 2 * radius * rng.uniform(0.38, 0.60)
        outline = outlines.spindle(rng, length, thickness, rng.uniform(0, 0.5), rng.uniform(0.5, 1))
    canvas = _canvas(rng, outline, radius)
    body = canvas.body(0.10 * radius) + _rim(rng, canvas, radius)
    # Long cells keep at most a shallow pallor along their middle.
    half_width = float(canvas.depth.max())
    radii = (0.9 * half_width + 0.2 * radius, 0.55 * half_width)
    pallor = canvas.blob(_off_centre(rng, 0.04 * radius), radii, rng.uniform(0.25, 0.45))
    roundness = 0.85 + 0.3 * canvas.body(half_width)
    return canvas, body * roundness * (1.0 - rng.uniform(0, 0.3) * pallor), _no_dye(canvas)


def _sickle_outline(rng, radius):
    length = 2 * radius * rng.uniform(1.35, 1.85)
    thickness = 2 * radius * rng.uniform(0.30, 0.52)
    return outlines.spindle(rng, length, thickness, rng.uniform(0.7, 2.3), rng.uniform(0, 0.25))


def _reticulocyte(rng, radius):
    # Young cells are larger and take a diffuse blue tint from their RNA.
    radius = 1.06 * radius
    aspect = 1.0 + abs(rng.normal(0, 0.10))
    canvas = _canvas(rng, outlines.ellipse(rng, radius, aspect, 0.035), radius)
    body = _biconcave(rng, canvas, radius, aspect, max_pallor=0.35)
    thickness = radius * rng.uniform(0.045, 0.08)
    net = texture.reticulum(rng, canvas, radius, rng.integers(3, 14), thickness)
    diffuse = rng.uniform(0.0, 0.16) * canvas.body(0.15 * radius)
    return canvas, 0.95 * body, diffuse + rng.uniform(0.22, 0.85) * net


def _granular(rng, radius):
    aspect = 1.0 + abs(rng.normal(0, 0.13))
    canvas = _canvas(rng, outlines.ellipse(rng, radius, aspect, 0.04), radius)
    body = _biconcave(rng, canvas, radius, aspect, max_pallor=0.4)
    size = radius * rng.uniform(0.035, 0.06)
    grains = texture.granules(rng, canvas, radius, rng.integers(14, 60), size)
    strength = rng.uniform(0.14, 0.75)
    return canvas, body + 0.5 * strength * grains, strength * grains


def _echinocyte(rng, radius):
    aspect = 1.0 + abs(rng.normal(0, 0.08))
    outline = outlines.scalloped(
        rng,
        0.97 * radius,
        aspect,
        num_spicules=int(rng.integers(9, 18)),
        amplitude=rng.uniform(0.045, 0.20),
        sharpness=rng.uniform(0, 1),
    )
    canvas = _canvas(rng, outline, radius)
    body = _biconcave(rng, canvas, radius, aspect, max_pallor=0.4)
    spots = texture.spicules_from_above(rng, canvas, radius, rng.integers(0, 9))
    return canvas, body + rng.uniform(0.1, 0.4) * spots, _no_dye(canvas)


def _stomatocyte(rng, radius):
    aspect = 1.0 + abs(rng.normal(0, 0.12))
    canvas = _canvas(rng, outlines.ellipse(rng, radius, aspect, 0.03), radius)
    slit = canvas.slit(
        length=radius * rng.uniform(0.42, 0.68),
        width=radius * rng.uniform(0.07, 0.20),
        curve=radius * rng.normal(0, 0.14),
        softness=radius * rng.uniform(0.025, 0.08),
    )
    body = canvas.body(0.07 * radius) + _rim(rng, canvas, radius)
    return canvas, body * (1.0 - rng.uniform(0.16, 0.80) * slit), _no_dye(canvas)


_DRAWERS: dict[str, Callable] = {
    "Oval": _oval,
    "Elon": _elongated,
    "Reti": _reticulocyte,
    "Gran": _granular,
    "Echi": _echinocyte,
    "Stom": _stomatocyte,
}


def _canvas(rng, outline, radius) -> Canvas:
    margin = max(4, round(0.2 * radius))
    return Canvas.of_outline(outline, rng.uniform(0, 2 * np.pi), margin)


def _no_dye(canvas) -> np.ndarray:
    return np.zeros(canvas.shape, dtype=np.float32)


def _biconcave(rng, canvas, radius, aspect, max_pallor=0.8):
    """Density of a disc whose thin middle lets more light through (central pallor)."""
    extent = radius * rng.uniform(0.28, 0.56)
    own_aspect = np.sqrt(aspect) * np.exp(rng.normal(0, 0.13))
    radii = (extent * own_aspect, extent / own_aspect)
    pallor = canvas.blob(_off_centre(rng, 0.06 * radius), radii, rng.uniform(0.08, 0.28))
    body = canvas.body(0.07 * radius) + _rim(rng, canvas, radius)
    return body * (1.0 - rng.uniform(0.08, max_pallor) * pallor)


def _rim(rng, canvas, radius):
    # Refraction at the edge draws a thin dark line just inside it.
    return rng.uniform(0.0, 0.22) * canvas.rim(position=0.08 * radius, width=0.06 * radius)


def _off_centre(rng, deviation):
    return tuple(rng.normal(0, deviation, 2))


def _focused(rng, dye, diameter, halo):
    """A cell a little above or below the plane of focus is blurred more than its neighbour.

    `halo` is how strongly the edge is set off, as by a lens a little out of focus: darker inside,
    brighter outside.
    """
    dye = cv2.GaussianBlur(
        dye.astype(np.float32), (0, 0), 0.4 + abs(rng.normal(0, 0.008)) * diameter
    )
    if halo:
        dye = dye + halo * (dye - cv2.GaussianBlur(dye, (0, 0), 0.035 * diameter))
    return dye
