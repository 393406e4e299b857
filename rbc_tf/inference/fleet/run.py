"""A run on Beam, from a folder of images to the same folder of results as `inference.analyze`.

Beside those results stands failed.jsonl, the dead letters: {"image": NAME, "reason": TEXT} a line.
"""

import json
import multiprocessing
from concurrent import futures

import apache_beam as beam
import numpy as np
from absl import logging
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult, PipelineState

from rbc_tf.core import image_io, structured
from rbc_tf.inference import common_scale, run_record, sharding, tables
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.fleet import remote, transforms
from rbc_tf.inference.fleet.model_handler import ChainHandler
from rbc_tf.inference.fleet.options import local_runner
from rbc_tf.inference.results_folder import DEAD_LETTERS, ResultsFolder
from rbc_tf.inference.run_config import RunConfig
from rbc_tf.inference.tables import RunSummary
from rbc_tf.inference.view_config import CommonScale


def analyze(
    bundle_path: str,
    input_path: str,
    output_dir: str,
    options: PipelineOptions,
    config: RunConfig = RunConfig(),
    overwrite: bool = False,
    retry_failed: bool = True,
    plain_thresholds: bool = False,
) -> RunSummary:
    """Analyses one image, or every image in a folder and its subfolders, with Beam.

    Args:
        bundle_path: path or URL of the bundle, or the name of one that comes with rbc_tf; workers
            read it too.
        input_path: path or URL of an image or a folder.
        output_dir: path or URL where the results go.
        options: Beam's, with the runner.
        config: how images are analysed and shown.
        overwrite: analyse again what is done already.
        retry_failed: try again what failed in an earlier run; otherwise it is listed as it was.
        plain_thresholds: take 0.5 for every type instead of the bundle's thresholds.

    Raises:
        ValueError: there is no image or no bundle, or `output_dir` holds results of another
            bundle, at other thresholds, with other tiles, scale, light or rotations, in another
            precision or of another range of intensities.
        OSError: `output_dir` cannot be written.
        RuntimeError: a worker failed (its own error, where it is this process); what is done so
            far stays, and another run goes on from there.
    """
    with remote.open_bundle(bundle_path) as bundle:
        if plain_thresholds:
            bundle = bundle.with_plain_thresholds()
        folder = remote.results_folder(output_dir)
        found = remote.find_images(input_path, output_dir)
        images = found.paths
        config.grouping.check(images)
        config = run_record.prepare(
            folder, bundle, config, images, overwrite, remote.open_image, input_path
        )
        view_config = common_scale.of_run(
            folder,
            bundle,
            config.view_config,
            lambda: _common_scale(bundle, config, list(images.values())),
        )
        given_up = {} if retry_failed else sharding.earlier_failures(folder)
        # Should this run be killed: those of an earlier one speak of other results.
        folder.delete_tables()
        handler = ChainHandler(
            bundle_path,
            bundle.sha256,
            config.tiling_config,
            plain_thresholds,
            config.precision,
            view_config,
        )
        types = bundle.manifest.cell_types.names
        steps = transforms.AnalyzeImages(handler, folder, types, config.intensity)
        skipped = _run(steps, input_path, folder, frozenset(given_up), options)
        reasons = given_up | _dead_letters(folder)
        failed = _without_result(images, reasons, folder.done())
        # A runner that repeats work may count it again.
        analyzed = max(0, len(images) - len(failed) - skipped)
        failed |= found.unreadable
        warnings = found.warnings
        return tables.finish(
            bundle, images, failed, analyzed, folder, config, remote.read_bytes, warnings=warnings
        )


def _common_scale(*args) -> CommonScale | None:
    """See `_find_common_scale`, which takes the same.

    In a process of its own, that ends: TensorFlow would keep a GPU's memory from the workers.
    """
    with futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_find_common_scale, *args).result()


def _find_common_scale(bundle: Bundle, config: RunConfig, images: list[str]) -> CommonScale | None:
    def read(path: str) -> np.ndarray:
        return image_io.decode_image(remote.read_bytes(path), path, config.intensity)

    chain = Chain(bundle, config.tiling_config, config.precision, config.view_config)
    return common_scale.find(chain, images, read)


def _run(
    steps: transforms.AnalyzeImages,
    input_path: str,
    folder: ResultsFolder,
    given_up: frozenset[str],
    options: PipelineOptions,
) -> int:
    """Runs the pipeline to its end; the number of images that were done before."""
    pipeline = beam.Pipeline(local_runner(options), options)
    failed = (
        pipeline
        | "Input" >> beam.Create([input_path])
        # Listed by a worker: the description of a pipeline must not grow with the images.
        | "List" >> beam.FlatMap(_list_images, str(folder), given_up)
        | "Spread" >> beam.Reshuffle()
        | steps
    )
    _ = (
        failed
        | "Together" >> beam.combiners.ToList()
        | "DeadLetters" >> beam.Map(_write_dead_letters, folder)
    )
    result = pipeline.run()
    state = result.wait_until_finish()
    if state != PipelineState.DONE:
        raise RuntimeError(f"The pipeline ended as {state}; see the logs of its workers")
    return _counted(result, transforms.SKIPPED)


def _list_images(
    input_path: str, output_dir: str, given_up: frozenset[str]
) -> list[tuple[str, str]]:
    paths = remote.find_images(input_path, output_dir).paths
    return [(name, path) for name, path in paths.items() if name not in given_up]


def _write_dead_letters(failed: list[tuple[str, str]], folder: ResultsFolder) -> None:
    lines = [json.dumps({"image": name, "reason": reason}) for name, reason in sorted(failed)]
    folder.write(DEAD_LETTERS, "".join(f"{line}\n" for line in lines).encode())


def _dead_letters(folder: ResultsFolder) -> dict[str, str]:
    """{image: reason} of the last run; what cannot be read of it is tried again."""
    try:
        lines = (folder.read(DEAD_LETTERS) or b"").splitlines()
        letters = [structured.parse_json(line, folder.place(DEAD_LETTERS)) for line in lines]
        return {letter["image"]: str(letter["reason"]) for letter in letters}
    except (KeyError, TypeError, ValueError) as error:
        logging.warning("Reasons of images that failed cannot be read: %s", error)
        return {}


def _without_result(
    images: dict[str, str], reasons: dict[str, str], done: set[str]
) -> dict[str, str]:
    return {
        name: reasons.get(name, f"{path}: {sharding.NOT_ANALYSED}")
        for name, path in images.items()
        if name not in done
    }


def _counted(result: PipelineResult, name: str) -> int:
    counters = result.metrics().query(
        MetricsFilter().with_namespace(transforms.METRICS).with_name(name)
    )["counters"]
    return sum(counter.result or 0 for counter in counters)
