"""Holds an exported SavedModel, run by TensorFlow alone, against the chain step by step."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator

import numpy as np
import tqdm

from rbc_tf.core import image_io, structured
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.detection import tiling
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.serving import bare_process, export, graph
from rbc_tf.inference.view_config import ViewConfig

# How far numbers may lie apart. Within a larger graph TensorFlow may join operations otherwise, and
# sum in another order: on 40 smears and one machine that made 1.3e-6 in probabilities, 0 in boxes.
TOLERANCES = {
    "boxes": 1e-2,  # pixels
    "scores": 1e-4,
    "probabilities": 1e-4,
    "abnormal_probability": 1e-4,
}
# These may differ nowhere.
_DECISIONS = ("labels", "abnormal")

# None of them may be loaded where the model runs.
_OURS = ("rbc_tf", "official", "tf_keras")

_TENSORFLOW_READS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        differences: the greatest of each output in TOLERANCES over all images and signatures.
        num_decisions_apart: how many labels and predictions of abnormality differ.
        num_regions: regions compared, those of both signatures counted once.
        num_images: images compared.
        unequal: images in which the model found another number of regions.
        refused: {image: reason} of those that the model refused.
        load_seconds: time that TensorFlow took to load the model.
        foreign_modules: of ours and Model Garden's, those loaded where the model ran.
    """

    differences: dict[str, float]
    num_decisions_apart: int
    num_regions: int
    num_images: int
    unequal: tuple[str, ...]
    refused: dict[str, str]
    load_seconds: float
    foreign_modules: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether all is within the tolerances, and any image was compared at all."""
        near = all(value <= TOLERANCES[name] for name, value in self.differences.items())
        same = not (self.num_decisions_apart or self.unequal or self.foreign_modules)
        return near and same and self.num_images > 0


def compare(
    bundle: Bundle, model_dir: str | pathlib.Path, images: dict[str, pathlib.Path]
) -> Comparison:
    """Compares both signatures of an exported model with the chain.

    TIFF files, which TensorFlow cannot decode, are given as pixels only.

    Args:
        bundle: what the model was exported from.
        model_dir: its folder, that of the version.
        images: {name: path}, as of `analyze.find_images(...).paths`.

    Raises:
        ValueError: the model was not made from this bundle at these thresholds, or cannot be run.
        ImageError: an image cannot be read.
    """
    model_dir = pathlib.Path(model_dir)
    intensity = _check_origin(model_dir, bundle)
    # Images that the chain would cut are refused by the model, or taken whole; none is scaled.
    as_it_is = ViewConfig.as_it_is()
    chain = Chain(bundle, tiling.TilingConfig(tiling.NONE), view_config=as_it_is)
    tally = _Tally()
    with bare_process.start(model_dir) as process, tempfile.TemporaryDirectory() as scratch:
        for name, path in tqdm.tqdm(images.items(), desc="verify", unit="image"):
            pixels = image_io.read_image(path, intensity)
            answers = [process.ask(*asked) for asked in _requests(path, pixels, scratch)]
            errors = [answer for answer in answers if isinstance(answer, str)]
            if errors:
                tally.refused[name] = _reason(errors[0])
            else:
                tally.add(name, _expected(chain, pixels), answers)
    return tally.comparison(process.load_seconds, process.modules)


def report(found: Comparison) -> str:
    """The lines to show a user."""
    lines = [
        f"loaded by TensorFlow alone in {found.load_seconds:.1f} s",
        f"compared with the chain: {found.num_images} images, {found.num_regions} regions",
        *(
            f"  greatest difference in {name}: {value:.2g} (tolerance {TOLERANCES[name]:g})"
            for name, value in found.differences.items()
        ),
        f"  labels and predictions of abnormality that differ: {found.num_decisions_apart}",
        f"  images with another number of regions: {len(found.unequal)}",
        *(f"    {name}" for name in found.unequal),
        f"  images refused: {len(found.refused)}",
        *(f"    {name}: {reason}" for name, reason in found.refused.items()),
        *(f"  {name} was loaded beside TensorFlow" for name in found.foreign_modules),
        "equal within the tolerances" if found.is_equal else "NOT equal within the tolerances",
    ]
    return "\n".join(lines)


def _check_origin(model_dir: pathlib.Path, bundle: Bundle) -> IntensityRange | None:
    """The range of images of 16 bits that the model was exported with."""
    path = model_dir / "assets" / export.DESCRIPTION
    if not path.is_file():
        raise ValueError(f"{model_dir}: holds no exported chain (it has no assets/{path.name})")
    found = structured.load_mapping(path)
    if found["bundle_sha256"] != bundle.sha256:
        raise ValueError(f"{model_dir}: was exported from another bundle than {bundle.path}")
    calibration = bundle.manifest.calibration
    rule = (found["thresholds"], found.get("at_least_one", False))
    if rule != (list(calibration.thresholds), calibration.at_least_one):
        raise ValueError(f"{model_dir}: was exported at other thresholds")
    recorded = found.get("intensity")
    return IntensityRange.from_json(recorded) if recorded else None


def _requests(path: pathlib.Path, pixels: np.ndarray, scratch: str) -> Iterator[tuple]:
    """(signature, name of the input, path of what to give it, path for the answer)."""
    output = f"{scratch}/answer.npz"
    if path.suffix.lower() in _TENSORFLOW_READS:
        yield graph.BYTES_SIGNATURE, graph.BYTES_INPUT, str(path), output
    array = f"{scratch}/pixels.npy"
    np.save(array, pixels)
    yield graph.TENSOR_SIGNATURE, graph.TENSOR_INPUT, array, output


def _reason(error: str) -> str:
    """The error of a failed operation, without where it stands in the graph."""
    return error.split("<stack traces unavailable>")[-1].split("[[{{node")[0].strip()


def _expected(chain: Chain, pixels: np.ndarray) -> dict[str, np.ndarray]:
    found = chain.analyze(pixels)
    return {
        "boxes": found.boxes,
        "scores": found.scores,
        "probabilities": found.probabilities,
        "abnormal_probability": found.abnormal,
        "labels": chain.labels(found.probabilities),
        "abnormal": found.abnormal > chain.manifest.abnormal_threshold,
    }


class _Tally:
    """Sums up what was compared so far."""

    def __init__(self):
        self._differences = dict.fromkeys(TOLERANCES, 0.0)
        self._decisions_apart = self._regions = self._images = 0
        self._unequal = []
        self.refused = {}

    def add(self, name: str, expected: dict, answers: list[dict]) -> None:
        """Compares what is expected of an image with the outputs of the signatures."""
        self._images += 1
        count = len(expected["scores"])
        if any(answer["num_detections"][0] != count for answer in answers):
            self._unequal.append(name)
            return
        self._regions += count
        for answer in answers:
            for output in self._differences if count else ():
                apart = np.abs(answer[output][0, :count] - expected[output]).max()
                # NumPy's maximum keeps what is no number, Python's may not.
                self._differences[output] = float(np.maximum(self._differences[output], apart))
            for output in _DECISIONS:
                wrong = answer[output][0, :count] != expected[output]
                self._decisions_apart += int(wrong.sum())

    def comparison(self, load_seconds: float, modules: set[str]) -> Comparison:
        return Comparison(
            self._differences,
            self._decisions_apart,
            self._regions,
            self._images,
            tuple(self._unequal),
            self.refused,
            load_seconds,
            tuple(sorted(modules & set(_OURS))),
        )
