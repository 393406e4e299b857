"""Ways in which another microscope, camera or program would have made an image different."""

from collections.abc import Callable

import cv2
import numpy as np

from rbc_tf.inference import cell_scale

Alteration = Callable[[np.ndarray], np.ndarray]


def _lit(*gains: float) -> Alteration:
    """Each of red, green and blue times its gain, cut off at white."""
    return lambda image: np.clip(np.rint(image * np.float32(gains)), 0, 255).astype(np.uint8)


def _compressed(quality: int) -> Alteration:
    def compressed(image: np.ndarray) -> np.ndarray:
        _, content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.ascontiguousarray(cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1])

    return compressed


def _grey(image: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


# uint8 [H, W, 3] RGB to another; sides may change.
ALTERATIONS: dict[str, Alteration] = {
    "as they are": lambda image: image,
    "half the size": lambda image: cell_scale.scaled(image, 0.5),
    "three quarters of the size": lambda image: cell_scale.scaled(image, 0.75),
    "larger by a quarter": lambda image: cell_scale.scaled(image, 1.25),
    "twice the size": lambda image: cell_scale.scaled(image, 2.0),
    "brighter by 20 %": _lit(1.2, 1.2, 1.2),
    "darker by 30 %": _lit(0.7, 0.7, 0.7),
    "darker by half": _lit(0.5, 0.5, 0.5),
    "warmer": _lit(1.1, 1.0, 0.85),
    "colder": _lit(0.85, 1.0, 1.1),
    "blurred (sigma 2)": lambda image: cv2.GaussianBlur(image, (0, 0), 2.0),
    "JPEG of quality 75": _compressed(75),
    "JPEG of quality 50": _compressed(50),
    "JPEG of quality 30": _compressed(30),
    "grey": _grey,
}
