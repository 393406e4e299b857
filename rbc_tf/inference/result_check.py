"""Whether the JSON of an image is what an analysis writes: whole, and of a piece.

JSON has no checksum. What tables, report and exports are made of is looked at, so that a file that
a crash or a hand has changed is made again instead of counted.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rbc_tf.core import exposure
from rbc_tf.core.structured import shown
from rbc_tf.inference import analysis
from rbc_tf.inference.light import LARGEST_GAIN
from rbc_tf.inference.view_config import LARGEST_FACTOR, SMALLEST_FACTOR

_REGION_FIELDS = {"box", "score", "probabilities", "labels", "abnormal_probability", "abnormal"}
# Of shares: intervals are computed, and the last digit may depend on the machine.
_TOLERANCE = 1e-6
# Of edges in pixels: those of a scaled image are float32.
_OUTSIDE = 1.0

_LARGEST_SIDE = 2**31

_SHA256 = re.compile("[0-9a-f]{64}")


def check(result: Mapping, image: str, type_names: Sequence[str]) -> None:
    """Refuses what is not the JSON of an image (see `Analysis.to_json`).

    Args:
        result: the mapping.
        image: the name of the image that it must be of.
        type_names: of the bundle's types, in their order.

    Raises:
        ValueError: says which field is not what it must be.
    """
    _require(result.get("image") == image, "image", f"{image!r}", result.get("image"))
    sha256 = result.get("image_sha256")
    _require(
        isinstance(sha256, str) and _SHA256.fullmatch(sha256), "image_sha256", "a sha256", sha256
    )
    for side in ("height", "width"):
        value = result.get(side)
        is_size = type(value) is int and 0 < value < _LARGEST_SIDE
        _require(is_size, side, "a whole number of pixels", value)
    _check_remarks(result)
    regions = result.get("regions")
    _require(isinstance(regions, list), "regions", "a list", regions)
    limits = result["height"] + _OUTSIDE, result["width"] + _OUTSIDE
    for number, region in enumerate(regions, start=1):
        try:
            _check_region(region, limits, list(type_names))
        except ValueError as error:
            raise ValueError(f"region {number}: {error}") from error
    _check_counts(result, regions, type_names)


def _check_remarks(result: Mapping) -> None:
    """What stands there only where there is something to say."""
    seen = result.get("exposure")
    kinds = (exposure.NEARLY_BLACK, exposure.NEARLY_WHITE)
    _require(seen is None or seen in kinds, "exposure", " or ".join(kinds), seen)
    unlike = result.get("unlike", {})
    is_text = isinstance(unlike, dict) and all(isinstance(v, str) for v in unlike.values())
    _require(is_text, "unlike", "a mapping of texts", unlike)
    scale = result.get("scale", 1)
    is_factor = _is_within(scale, SMALLEST_FACTOR, LARGEST_FACTOR)
    _require(is_factor, "scale", f"{SMALLEST_FACTOR:g} to {LARGEST_FACTOR:g}", scale)
    gain = result.get("gain", 1)
    is_gain = _is_within(gain, 1, LARGEST_GAIN)
    _require(is_gain, "gain", f"1 to {LARGEST_GAIN:g}", gain)
    grey = result.get("grey", False)
    _require(isinstance(grey, bool), "grey", "true or false", grey)


def _check_region(region: Any, limits: tuple[float, float], type_names: list[str]) -> None:
    _require(isinstance(region, dict), "it", "a mapping", region)
    _require(region.keys() >= _REGION_FIELDS, "it", "a mapping of box, score and more", region)
    _check_box(region["box"], *limits)
    for field in ("score", "abnormal_probability"):
        _check_share(region[field], field)
    probabilities = region["probabilities"]
    # Their order is that of the columns of the table.
    in_order = isinstance(probabilities, dict) and list(probabilities) == type_names
    _require(in_order, "probabilities", "those of the bundle's types, in order", probabilities)
    for name, value in probabilities.items():
        _check_share(value, name)
    labels = region["labels"]
    are_types = isinstance(labels, list) and labels == [n for n in type_names if n in labels]
    _require(are_types, "labels", "types, each once and in their order", labels)
    _require(isinstance(region["abnormal"], bool), "abnormal", "true or false", region["abnormal"])


def _check_box(box: Any, most_y: float, most_x: float) -> None:
    in_order = isinstance(box, dict) and tuple(box) == analysis.Box._fields
    _require(in_order, "box", "a mapping of ymin, xmin, ymax and xmax", box)
    for low, high, most in (("ymin", "ymax", most_y), ("xmin", "xmax", most_x)):
        _require(_is_within(box[low], -_OUTSIDE, most), low, "an edge in the image", box[low])
        _require(_is_within(box[high], box[low], most), high, "an edge after it", box[high])


def _check_counts(result: Mapping, regions: list[dict], type_names: Sequence[str]) -> None:
    by_type = dict.fromkeys(type_names, 0)
    for region in regions:
        for label in region["labels"]:
            by_type[label] += 1
    abnormal = sum(region["abnormal"] for region in regions)
    for field, counted in (("num_regions", len(regions)), ("num_abnormal_regions", abnormal)):
        _require(_is_count(result.get(field), counted), field, f"{counted}", result.get(field))
    found = result.get("num_regions_by_type")
    agree = isinstance(found, dict) and list(found) == list(by_type)
    agree = agree and all(_is_count(found[name], by_type[name]) for name in by_type)
    _require(agree, "num_regions_by_type", "what the regions hold", found)
    for field, computed in analysis.abnormal_share(abnormal, len(regions)).items():
        value = result.get(field, "nothing")
        _require(_is_near(value, computed), field, f"{computed}", value)


def _is_count(value: Any, counted: int) -> bool:
    return type(value) is int and value == counted


def _is_near(value: Any, computed: float | list | None) -> bool:
    if isinstance(computed, list):
        is_as_long = isinstance(value, list) and len(value) == len(computed)
        return is_as_long and all(map(_is_near, value, computed))
    if computed is None:
        return value is None
    return _is_within(value, computed - _TOLERANCE, computed + _TOLERANCE)


def _check_share(value: Any, what: str) -> None:
    _require(_is_within(value, -_TOLERANCE, 1 + _TOLERANCE), what, "a number from 0 to 1", value)


def _is_within(value: Any, low: float, high: float) -> bool:
    """Whether it is a number in a range; nan is in none, and true and false are no numbers."""
    return type(value) in (int, float) and low <= value <= high


def _require(is_so: Any, what: str, required: str, received: Any) -> None:
    if not is_so:
        raise ValueError(f"{what} must be {required}. Received: {shown(received)}")
