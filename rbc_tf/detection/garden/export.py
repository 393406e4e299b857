"""The detector as a SavedModel that needs neither Model Garden nor tf_keras."""

import dataclasses
import os
from collections.abc import Sequence

import tensorflow as tf
from absl import logging
from official.core import train_utils
from official.modeling import performance
from official.vision.serving import detection

from rbc_tf.core import files
from rbc_tf.detection import record
from rbc_tf.detection.garden import checkpoints, configs, parameters, training_images

INPUT_TYPES = ("image_tensor", "image_bytes", "tf_example")


def run(
    sources: parameters.Sources,
    model_dir: str,
    checkpoint_path: str,
    export_dir: str,
    input_type: str = "image_tensor",
    input_image_size: Sequence[int] = (),
) -> None:
    """Exports a checkpoint; an existing folder at `export_dir` is replaced when it succeeds.

    The signature `serving_default` takes `inputs` (uint8 [batch, height, width, 3] of any size
    for `image_tensor`), scales them inside the graph, and returns `detection_boxes` float32
    [batch, N, 4] in pixels of the scaled image, `detection_scores` float32 [batch, N],
    `detection_classes`, `num_detections` and `image_info`, whose row 2 is the scale.

    Args:
        sources: settings; what they leave out comes from `model_dir`/params.yaml.
        model_dir: run that left the settings and the checkpoint; may be '' if both are given.
        checkpoint_path: '' for the best checkpoint in `model_dir`.
        export_dir: folder to write.
        input_type: one of INPUT_TYPES.
        input_image_size: height and width to which images are scaled, keeping their aspect;
            empty for the size of the training.

    Raises:
        ValueError: input type or size is not usable, settings or checkpoint are not given, or
            `export_dir` holds something other than an exported detector.
        FileNotFoundError: settings or checkpoint are missing.
    """
    if input_type not in INPUT_TYPES:
        raise ValueError(
            f"input_type must be one of {', '.join(INPUT_TYPES)}. Received: {input_type!r}"
        )
    files.check_replaceable(export_dir, record.FILE)  # before minutes of work
    if model_dir:
        sources = parameters.of_run(sources, model_dir)
    params = parameters.build(sources)
    checkpoint = _checkpoint(params, model_dir, checkpoint_path)
    size = _input_size(params, input_image_size)
    # What was trained in bfloat16 computes in float32: precision costs nothing but time here.
    performance.set_mixed_precision_policy("float32")
    module = detection.DetectionModule(
        params=params, batch_size=None, input_image_size=size, input_type=input_type
    )
    with files.atomic_folder(export_dir, marker=record.FILE) as folder:
        _save(module, checkpoint, input_type, str(folder))
        train_utils.serialize_config(params, str(folder))
        exported = _record(params, checkpoint, size, input_type)
        record.save(folder, dataclasses.replace(exported, files=record.hash_files(folder)))
    logging.info("Exported %s to %s", checkpoint, export_dir)


def _save(module: detection.DetectionModule, checkpoint: str, input_type: str, folder: str) -> None:
    """Saves the signature and its weights, without the layers and functions of training.

    Those would make it load several times slower.
    """
    signature = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    # Tracing creates the variables of the heads, so that the checkpoint is checked against all.
    signatures = module.get_inference_signatures({input_type: signature})
    weights = tf.train.Checkpoint(model=module.model)
    weights.read(checkpoint).assert_existing_objects_matched().expect_partial()
    detector = tf.Module()
    detector.weights = module.model.variables
    tf.saved_model.save(detector, folder, signatures=signatures)


def _checkpoint(params: configs.Experiment, model_dir: str, checkpoint_path: str) -> str:
    if checkpoint_path:
        return checkpoints.existing(checkpoint_path)
    if not model_dir:
        raise ValueError("Either a checkpoint or the model_dir of a run must be given")
    return checkpoints.best(params, model_dir)


def _input_size(params: configs.Experiment, given: Sequence[int]) -> list[int]:
    size = [int(side) for side in given] or list(params.task.model.input_size[:2])
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"input_image_size must be height,width. Received: {list(given)}")
    return size


def _record(
    params: configs.Experiment, checkpoint: str, size: Sequence[int], input_type: str
) -> record.DetectorRecord:
    return record.DetectorRecord(
        experiment=params.experiment,
        params_sha256=files.sha256_of_json(params.as_dict()),
        checkpoint=os.path.basename(checkpoint),
        step=checkpoints.step(checkpoint),
        validation=checkpoints.scores(checkpoint),
        init_checkpoint=params.task.init_checkpoint or "random weights",
        input_type=input_type,
        input_image_size=tuple(size),
        max_num_detections=params.task.model.detection_generator.max_num_detections,
        **training_images.sizes(params.task.records_dir),
        records=training_images.used_splits(params, checkpoint),
        versions=files.versions(),
    )
