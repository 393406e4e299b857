"""The chain as a model of Beam's RunInference."""

from collections.abc import Iterable, Sequence
from typing import Any

from apache_beam.ml.inference.base import ModelHandler, PredictionResult

from rbc_tf.detection.tiling import TilingConfig
from rbc_tf.graphs import frozen
from rbc_tf.inference import bundle as bundles
from rbc_tf.inference import image_analysis
from rbc_tf.inference.analysis import Analysis
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.fleet import remote
from rbc_tf.inference.image_analysis import SourceImage
from rbc_tf.inference.view_config import ViewConfig


class ChainHandler(ModelHandler[SourceImage, PredictionResult, Chain]):
    """Analyses images with the chain of a bundle, which each process of a worker loads once.

    The threads of a process share it. Predictions are of type `Analysis`, or, of an image that
    could not be analysed, the reason.
    """

    def __init__(
        self,
        bundle_dir: str,
        bundle_sha256: str,
        tiling_config: TilingConfig = TilingConfig(),
        plain_thresholds: bool = False,
        precision: str = frozen.FLOAT32,
        view_config: ViewConfig = ViewConfig(),
    ):
        """Loads nothing yet.

        Args:
            bundle_dir: path or URL of the bundle, as workers see it.
            bundle_sha256: the hash that it must have there too.
            tiling_config: how large images are cut for detection.
            plain_thresholds: take 0.5 for every type.
            precision: 'float32', 'bfloat16' or 'float16', which every worker must have.
            view_config: how images are looked at.
        """
        # The chain takes one image after the other: larger batches would only take memory.
        super().__init__(min_batch_size=1, max_batch_size=1)
        self._bundle_dir = bundle_dir
        self._bundle_sha256 = bundle_sha256
        self._tiling_config = tiling_config
        self._plain_thresholds = plain_thresholds
        self._precision = precision
        self._view_config = view_config

    def load_model(self) -> Chain:
        """Raises BundleError where the worker finds no bundle, or another one."""
        with remote.open_bundle(self._bundle_dir) as bundle:
            if bundle.sha256 != self._bundle_sha256:
                raise bundles.BundleError(
                    f"{self._bundle_dir}: a worker finds another bundle there than the one that "
                    f"the run began with ({bundle.sha256}, not {self._bundle_sha256})"
                )
            if self._plain_thresholds:
                bundle = bundle.with_plain_thresholds()
            return Chain(bundle, self._tiling_config, self._precision, self._view_config)

    def run_inference(
        self,
        batch: Sequence[SourceImage],
        model: Chain,
        inference_args: dict[str, Any] | None = None,
    ) -> Iterable[PredictionResult]:
        for image in batch:
            yield PredictionResult(image, _analysis_or_reason(model, image), self._bundle_sha256)

    def get_num_bytes(self, batch: Sequence[SourceImage]) -> int:
        return sum(image.pixels.nbytes for image in batch)

    def get_metrics_namespace(self) -> str:
        return "rbc_tf"


def _analysis_or_reason(model: Chain, image: SourceImage) -> Analysis | str:
    try:
        return image_analysis.analyze(model, image)
    except Exception as error:
        return image_analysis.reason(image.name, error)
