"""From dyes to a picture: stain, light, focus and the camera."""

import dataclasses

import cv2
import numpy as np

# Optical density (natural logarithm) of one unit of dye in R, G, B, as on Wright-Giemsa slides:
# haemoglobin takes the pink eosin, what is basophilic takes the violet-blue azure.
_EOSIN = (0.23, 0.46, 0.34)
_AZURE = (0.88, 0.90, 0.38)

# Fields that vary slowly over the image are drawn this many times smaller and enlarged.
_FIELD_SCALE = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Slide:
    """What the images of one slide share: its stain, and the microscope as it was set that day.

    Attributes:
        magnification: size of its cells relative to the configured diameter.
        eosin: float32 [3], optical density in R, G, B of a unit of haemoglobin.
        azure: float32 [3], the same of a unit of basophilia.
        plasma: mean density of the thin layer of stained plasma behind the cells.
        white: float32 [3], the lamp's light in R, G, B, in 0-255.
        falloff: part of the light lost towards the corners.
        tilt: float32 [2], change of light from end to end of the image along y and x.
        blur: deviation of the Gaussian of the lens, in pixels for cells of 60 pixels.
        noise: deviation of the camera's noise in white light, in 0-255.
    """

    magnification: float
    eosin: np.ndarray
    azure: np.ndarray
    plasma: float
    white: np.ndarray
    falloff: float
    tilt: np.ndarray
    blur: float
    noise: float


def draw_slide(rng: np.random.Generator) -> Slide:
    """Draws a slide's stain and light."""
    strength = rng.uniform(0.75, 1.25)
    tint = 1.0 + rng.normal(0, 0.025, 3)
    white = rng.uniform(185, 243) * np.array((0.98, 0.975, 0.985)) * tint
    return Slide(
        magnification=rng.uniform(0.95, 1.05),
        eosin=_varied(rng, _EOSIN, strength, 0.10),
        azure=_varied(rng, _AZURE, strength, 0.08),
        plasma=rng.uniform(0.0, 0.06),
        white=white.clip(0, 250).astype(np.float32),
        falloff=rng.uniform(0.03, 0.16),
        tilt=rng.normal(0, 0.03, 2).astype(np.float32),
        blur=rng.uniform(0.7, 1.5),
        noise=rng.uniform(1.2, 2.8),
    )


def photograph(
    slide: Slide,
    haemoglobin: np.ndarray,
    basophilia: np.ndarray,
    sharpness_scale: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Takes the picture of an image's cells.

    Light passes one dye after the other, so transmittances multiply and densities add: where two
    cells overlap, the picture is darker than either (Beer-Lambert).

    Args:
        haemoglobin: float32 [H, W], units of eosin dye in each pixel.
        basophilia: float32 [H, W], units of azure dye in each pixel.
        sharpness_scale: size of a cell relative to 60 pixels; the lens' blur grows with it.

    Returns:
        uint8 [H, W, 3] RGB.
    """
    shape = haemoglobin.shape
    haemoglobin = haemoglobin + slide.plasma * (1.0 + 0.25 * _slow_field(rng, shape))
    light = _light(slide, shape)
    channels = zip(slide.eosin, slide.azure, slide.white, strict=True)
    image = cv2.merge([_passed(light, haemoglobin, basophilia, *channel) for channel in channels])
    blur = slide.blur * sharpness_scale * rng.uniform(0.85, 1.25)
    image = cv2.GaussianBlur(image, (0, 0), max(0.3, blur))
    return _developed(image, slide.noise, rng)


def _varied(rng, density, strength, deviation) -> np.ndarray:
    varied = np.array(density) * strength * np.exp(rng.normal(0, deviation, 3))
    return varied.astype(np.float32)


def _passed(light, haemoglobin, basophilia, eosin, azure, white) -> np.ndarray:
    """float32 [H, W], the light that comes through in one channel."""
    passed = haemoglobin * eosin
    passed += basophilia * azure
    np.negative(passed, out=passed)
    np.exp(passed, out=passed)
    passed *= light
    passed *= white
    return passed


def _light(slide, shape) -> np.ndarray:
    """float32 [H, W], relative light: strongest near the middle, a little tilted."""
    y = np.linspace(-1, 1, max(2, shape[0] // _FIELD_SCALE), dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, max(2, shape[1] // _FIELD_SCALE), dtype=np.float32)[None]
    light = 1.0 - 0.5 * slide.falloff * (y**2 + x**2)
    light = light + 0.5 * (slide.tilt[0] * y + slide.tilt[1] * x)
    return cv2.resize(light, shape[::-1], interpolation=cv2.INTER_LINEAR)


def _slow_field(rng, shape) -> np.ndarray:
    coarse = rng.standard_normal((6, 10), dtype=np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _developed(image, noise, rng) -> np.ndarray:
    """The camera's noise, whose variance grows with the light, and its 8 bits."""
    grain = rng.standard_normal(image.shape, dtype=np.float32)
    deviation = np.maximum(image, 0.0)
    deviation *= np.float32(noise**2 / 255.0)
    grain *= np.sqrt(deviation, out=deviation)
    return cv2.add(grain, image, dtype=cv2.CV_8U)  # rounded to even and bounded
