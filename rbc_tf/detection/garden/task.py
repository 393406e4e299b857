"""Model Garden's Faster R-CNN task without its limit of 100 objects an image."""

import math
import os

import numpy as np
import tensorflow as tf
import tf_keras
from absl import logging
from official.core import task_factory
from official.vision.tasks import maskrcnn

from rbc_tf.detection.garden import (
    backbone,
    configs,
    drawing,
    evaluator,
    photometric,
    records,
    workers,
)

_DRAWABLE = "drawable"


@task_factory.register_task_cls(configs.RegionDetectionTask)
class RegionDetection(maskrcnn.MaskRCNNTask):
    """Finds regions; scores all of them; shows some validation images in TensorBoard."""

    def initialize(self, model: tf_keras.Model) -> None:
        """Loads the start that `init_checkpoint` names; says loudly if it is not ImageNet's."""
        start = self.task_config.init_checkpoint
        if start != configs.IMAGENET:
            logging.warning(
                "NOT the paper's start: the backbone starts from %s instead of ImageNet weights.",
                start or "random weights",
            )
        self.task_config.init_checkpoint = backbone.checkpoint(self.task_config)
        super().initialize(model)

    def build_inputs(self, params, input_context=None, dataset_fn=None) -> tf.data.Dataset:
        """Shares training images out to the workers; each evaluates on all images by itself.

        Scores cannot be added up: average precision ranks the boxes of all images together.
        """
        if params.is_training:
            batches = super().build_inputs(params, input_context, dataset_fn)
            return photometric.vary(batches, self.task_config.photometric, params.seed)
        if input_context is None:
            return super().build_inputs(params, input_context, dataset_fn)
        here = input_context.num_replicas_in_sync // input_context.num_input_pipelines
        alone = tf.distribute.InputContext(num_replicas_in_sync=here)
        batches = super().build_inputs(params, alone, dataset_fn)
        if here == 1:
            return batches
        # The network cannot take a batch of no image, so a device without one gets some again;
        # the evaluator counts them once.
        sizes = records.load_splits(self.task_config.records_dir)
        num_images = sizes[self.task_config.evaluation_split].num_images
        num_batches = math.ceil(num_images / (params.global_batch_size // here))
        return batches.repeat().take(math.ceil(num_batches / here) * here)

    def build_metrics(self, training: bool = True) -> list[tf_keras.metrics.Metric]:
        self._drawn: list[np.ndarray] = []
        return super().build_metrics(training)

    def _build_coco_metrics(self) -> None:
        generator = self.task_config.model.detection_generator
        self.coco_metric = evaluator.UncappedEvaluator(generator.max_num_detections)

    def validation_step(self, inputs, model: tf_keras.Model, metrics=None) -> dict:
        images, labels = inputs
        outputs = model(
            images,
            anchor_boxes=labels["anchor_boxes"],
            image_shape=labels["image_info"][:, 1, :],
            training=False,
        )
        # No loss: Model Garden would report a constant 0 for it.
        logs = {}
        self._update_metrics(labels, outputs, logs)
        if self.task_config.summary_images > 0:
            truth = labels["groundtruths"]
            logs[_DRAWABLE] = {
                "image": tf.cast(images, tf.float32),
                "size": labels["image_info"][:, 0, :],
                "scale": labels["image_info"][:, 2, :],
                "true_boxes": truth["boxes"],
                "num_true": truth["num_detections"],
                "boxes": tf.cast(outputs["detection_boxes"], tf.float32),
                "scores": tf.cast(outputs["detection_scores"], tf.float32),
            }
        return logs

    def aggregate_logs(self, state=None, step_outputs=None):
        if not state:
            self._drawn = []
        drawable = step_outputs.pop(_DRAWABLE, None)
        if drawable is not None:
            self._draw(drawable)
        return super().aggregate_logs(state, step_outputs)

    def reduce_aggregated_logs(self, aggregated_logs, global_step=None) -> dict:
        if self._drawn and self.logging_dir and global_step is not None:
            log_dir = os.path.join(self.logging_dir, "validation_images")
            about = drawing.legend(self.task_config.summary_score_threshold)
            drawing.write_summaries(log_dir, self._drawn, int(global_step.numpy()), about)
        scores = super().reduce_aggregated_logs(aggregated_logs, global_step)
        # All must agree whether a checkpoint is the best one, as all take part in saving it.
        names = sorted(scores)
        values = np.array([scores[name] for name in names], np.float64)
        agreed = workers.of_chief(values, tf.distribute.get_strategy())
        return dict(zip(names, agreed, strict=True))

    def _draw(self, drawable: dict) -> None:
        wanted = self.task_config.summary_images - len(self._drawn)
        if wanted <= 0:
            return
        # Each value is a tuple over replicas.
        values = {key: np.concatenate([t.numpy() for t in v]) for key, v in drawable.items()}
        for index in range(min(wanted, len(values["image"]))):
            true_boxes = values["true_boxes"][index, : int(values["num_true"][index])]
            scale = values["scale"][index]
            scored = drawing.ScoredImage(
                image=values["image"][index],
                size=tuple(np.rint(values["size"][index] * scale).astype(int).tolist()),
                true_boxes=true_boxes * np.tile(scale, 2),
                boxes=values["boxes"][index],
                scores=values["scores"][index],
            )
            threshold = self.task_config.summary_score_threshold
            self._drawn.append(drawing.draw(scored, threshold))
