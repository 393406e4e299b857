"""Outlines of cells: float32 [K, 2] polygons of (x, y) in pixels about the cell's centre.

The long axis, where there is one, lies along x.
"""

import numpy as np

_NUM_POINTS = 180


def ellipse(
    rng: np.random.Generator, radius: float, aspect: float, irregularity: float
) -> np.ndarray:
    """An ellipse with the area of a disc of `radius`, long to short axis `aspect`.

    `irregularity` is the typical relative deviation of its radius.
    """
    theta = _angles()
    wobble = 1.0 + _wobble(rng, theta, irregularity)
    return _star(theta, wobble, radius, aspect)


def scalloped(
    rng: np.random.Generator,
    radius: float,
    aspect: float,
    num_spicules: int,
    amplitude: float,
    sharpness: float,
) -> np.ndarray:
    """An ellipse with spicules at nearly regular distances along its edge.

    Args:
        amplitude: typical height of a spicule relative to `radius`.
        sharpness: 0 gives rounded scallops, 1 gives pointed spicules.
    """
    theta = _angles()
    spacing = 2 * np.pi / num_spicules
    places = spacing * (np.arange(num_spicules) + rng.normal(0, 0.10, num_spicules))
    heights = amplitude * rng.uniform(0.55, 1.3, num_spicules)
    width = spacing * (0.30 - 0.14 * sharpness)
    distance = np.angle(np.exp(1j * (theta[:, None] - places[None])))
    spicules = (heights * np.exp(-0.5 * (distance / width) ** 2)).sum(axis=1)
    # Less half the amplitude: spicules are drawn out of the cell, its area stays.
    profile = 1.0 - 0.5 * amplitude + spicules + _wobble(rng, theta, 0.015)
    return _star(theta, profile, radius, aspect)


def spindle(
    rng: np.random.Generator, length: float, thickness: float, bend: float, bluntness: float
) -> np.ndarray:
    """A bent rod: `bluntness` 0 has the pointed ends of a sickle, 1 the round ones of a cigar.

    Args:
        length: along the bent axis, in pixels.
        thickness: at the middle, in pixels.
        bend: angle by which the axis turns from end to end, in radians.
    """
    s = np.linspace(-1.0, 1.0, _NUM_POINTS // 2)
    turn = 0.5 * bend * s
    # An arc of this length; nearly straight axes are treated as straight.
    if abs(bend) > 1e-3:
        axis = length / bend * np.stack([np.sin(turn), np.cos(turn) - np.cos(0.5 * bend)], axis=1)
    else:
        axis = 0.5 * length * np.stack([s, np.zeros_like(s)], axis=1)
    normal = np.stack([np.sin(turn), np.cos(turn)], axis=1)
    taper = (1.0 - np.abs(s) ** (1.7 + 1.3 * bluntness)) ** (1.0 - 0.5 * bluntness)
    # One end is often a little heavier than the other.
    taper *= 1.0 + rng.normal(0, 0.10) * s
    half = 0.5 * thickness * taper[:, None] * normal
    outline = np.concatenate([axis + half, (axis - half)[::-1]])
    return (outline - outline.mean(axis=0)).astype(np.float32)


def rotated(outline: np.ndarray, angle: float) -> np.ndarray:
    """The outline turned by `angle` radians from x towards y."""
    cos, sin = np.cos(angle), np.sin(angle)
    return outline @ np.array([[cos, sin], [-sin, cos]], dtype=np.float32)


def _angles() -> np.ndarray:
    return np.linspace(0.0, 2 * np.pi, _NUM_POINTS, endpoint=False)


def _wobble(rng: np.random.Generator, theta: np.ndarray, amount: float) -> np.ndarray:
    orders = np.arange(2, 6)
    amplitudes = amount * rng.normal(0, 1.5, len(orders)) / orders
    phases = rng.uniform(0, 2 * np.pi, len(orders))
    return (amplitudes * np.cos(theta[:, None] * orders + phases)).sum(axis=1)


def _star(theta: np.ndarray, profile: np.ndarray, radius: float, aspect: float) -> np.ndarray:
    x = radius * np.sqrt(aspect) * profile * np.cos(theta)
    y = radius / np.sqrt(aspect) * profile * np.sin(theta)
    return np.stack([x, y], axis=1).astype(np.float32)
