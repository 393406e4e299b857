"""Random variation of square pictures: how they lie, and their light."""

import numpy as np


def turn(pictures: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Turns each picture by a multiple of 90 degrees and flips it or not, all 8 ways alike.

    Args:
        pictures: [N, S, S, C] of any dtype.
        generator: of the chances.

    Returns:
        A new array of that shape and dtype.
    """
    turned = np.empty_like(pictures)
    for row, way in enumerate(generator.integers(8, size=len(pictures))):
        picture = np.rot90(pictures[row], way % 4)
        turned[row] = picture[:, ::-1] if way >= 4 else picture
    return turned


def vary_light(images: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    """Scales each colour channel of each image by its own factor in 1 - strength to 1 + strength.

    Args:
        images: [N, H, W, 3], 0 to 255.
        strength: 0 changes nothing.
        generator: of the chances.

    Returns:
        float32 of that shape, 0 to 255.
    """
    factors = generator.uniform(1 - strength, 1 + strength, (len(images), 1, 1, 3))
    return np.clip(images * factors, 0, 255).astype(np.float32)
