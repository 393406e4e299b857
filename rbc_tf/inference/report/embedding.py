"""Data and pictures inside an HTML file, so that nothing in them can become markup."""

import base64
import json

import cv2
import numpy as np

_QUALITY = 75

# Inside a script element only `<` could end it or open a comment; the others are for those who
# copies the data elsewhere.
_UNSAFE = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def json_for_script(value) -> str:
    """Compact JSON that can stand inside a `<script>` element whatever strings it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(str.maketrans(_UNSAFE))


def jpeg_base64(image: np.ndarray, long_side: int) -> str:
    """A small JPEG of an image, for embedding.

    Args:
        image: uint8 [H, W, 3] RGB.
        long_side: its longer side is at most this many pixels; smaller images keep their size.

    Returns:
        Base64, without line breaks.
    """
    height, width = image.shape[:2]
    scale = long_side / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    stored = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return base64.b64encode(encoded.tobytes()).decode("ascii")
