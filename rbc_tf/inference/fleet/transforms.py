"""The steps of the pipeline: read, analyse, write; what fails leaves by an output of its own."""

from collections.abc import Iterator, Sequence
from typing import Literal

import apache_beam as beam
from absl import logging
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import PredictionResult, RunInference

from rbc_tf.core import files
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.inference import image_analysis
from rbc_tf.inference.fleet import remote
from rbc_tf.inference.fleet.model_handler import ChainHandler
from rbc_tf.inference.image_analysis import SourceImage
from rbc_tf.inference.results_folder import ResultsFolder

# Of the counters: images analysed, found done already, and failed.
METRICS = "rbc_tf"
ANALYZED, SKIPPED, FAILED = "analyzed", "skipped", "failed"

_PROGRESS_EVERY = 100

# One that Beam's type hints understand.
_Failure = beam.pvalue.TaggedOutput[Literal["failed"], tuple[str, str]]


class AnalyzeImages(beam.PTransform):
    """(name, path) of images, to (name, reason) of those that failed: the dead letters.

    The results themselves go to the folder. An image that is done there already and has not
    changed is skipped. Every step may be repeated, as runners do after a failure: the same files
    are written again.
    """

    def __init__(
        self,
        handler: ChainHandler,
        folder: ResultsFolder,
        type_names: Sequence[str],
        intensity: IntensityRange | None = None,
    ):
        """Takes the model, the folder of results as workers see it, the names of the model's types
        in their order, and the range of intensities of the images, as of `image_io.read_image`."""
        super().__init__()
        self._handler = handler
        self._read = _Read(folder, type_names, intensity)
        self._write = _Write(folder)

    def expand(self, images):
        read = images | "Read" >> beam.ParDo(self._read).with_outputs(FAILED, main="images")
        written = (
            read.images
            | "Analyze" >> RunInference(self._handler)
            | "Write" >> beam.ParDo(self._write).with_outputs(FAILED)
        )
        return (read[FAILED], written[FAILED]) | "Failed" >> beam.Flatten()


class _ImageDoFn(beam.DoFn):
    def __init__(self, folder: ResultsFolder):
        self._folder = folder

    def _count(self, what: str) -> None:
        Metrics.counter(METRICS, what).inc()

    def _fail(self, name: str, reason: str) -> _Failure:
        logging.error("%s", reason)
        image_analysis.forget(self._folder, name)
        self._count(FAILED)
        return beam.pvalue.TaggedOutput(FAILED, (name, reason))


class _Read(_ImageDoFn):
    def __init__(
        self, folder: ResultsFolder, type_names: Sequence[str], intensity: IntensityRange | None
    ):
        super().__init__(folder)
        self._type_names = type_names
        self._intensity = intensity

    def process(self, element: tuple[str, str]) -> Iterator[SourceImage | _Failure]:
        name, path = element
        try:
            content = remote.read_bytes(path)
            done = image_analysis.analyzed_sha256(self._folder, name, self._type_names)
            if done is not None and done == files.sha256_of_bytes(content):
                self._count(SKIPPED)
                return
            yield image_analysis.decode(name, path, content, self._intensity)
        except Exception as error:
            yield self._fail(name, image_analysis.reason(path, error))


class _Write(_ImageDoFn):
    def __init__(self, folder: ResultsFolder):
        super().__init__(folder)
        self._written = 0

    def process(self, element: PredictionResult) -> Iterator[_Failure]:
        image, analysis = element.example, element.inference
        if isinstance(analysis, str):
            yield self._fail(image.name, analysis)
            return
        try:
            image_analysis.write(self._folder, image, analysis)
        except Exception as error:
            yield self._fail(image.name, image_analysis.reason(image.name, error))
            return
        self._count(ANALYZED)
        self._written += 1
        if self._written % _PROGRESS_EVERY == 0:
            logging.info("%d images analysed by this worker", self._written)
