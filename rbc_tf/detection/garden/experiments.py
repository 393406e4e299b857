"""The experiments, registered by name with Model Garden.

Their defaults are the paper's settings; the files in object_detection_configs/ change them.
"""

from official.core import exp_factory
from official.vision.configs import backbones, common, decoders, maskrcnn

from rbc_tf.detection.garden import configs, schedule

STRIDE16 = "rbc_fasterrcnn_resnet_stride16"
FPN = "rbc_fasterrcnn_resnet_fpn"

# Background and region.
_NUM_CLASSES = 2
# Smears of 1920x1080 hold 150 regions and more. Model Garden's own limits of 100 would drop
# true boxes in training and in evaluation, and detections, without a word.
_MAX_REGIONS = 500


@exp_factory.register_config_factory(STRIDE16)
def stride16() -> configs.Experiment:
    """One feature map at stride 16, the nearest to the TF Object Detection API's ResNet-101.

    Its second stage is fully connected, where that API runs the last ResNet block per region.
    """
    model = _model(
        decoder=decoders.Decoder(type="identity", identity=decoders.Identity()),
        min_level=4,
        max_level=4,
        # Sides of 64, 76, 91 and 108 pixels: anchor_size * 2^level * 2^(k / num_scales). Model
        # Garden's scales divide one octave, so that API's 64 to 512 cannot be had on one level.
        anchor=maskrcnn.Anchor(num_scales=4, aspect_ratios=[0.5, 1.0, 2.0], anchor_size=4.0),
    )
    return _experiment(STRIDE16, model)


@exp_factory.register_config_factory(FPN)
def fpn() -> configs.Experiment:
    """Feature pyramid of levels 2 to 5: an extension of the paper, which names none."""
    model = _model(
        decoder=decoders.Decoder(type="fpn", fpn=decoders.FPN()),
        min_level=2,
        max_level=5,
        # Sides of 32, 64, 128 and 256 pixels on the four levels.
        anchor=maskrcnn.Anchor(num_scales=1, aspect_ratios=[0.5, 1.0, 2.0], anchor_size=8.0),
    )
    return _experiment(FPN, model)


def _model(**by_kind) -> maskrcnn.MaskRCNN:
    return maskrcnn.MaskRCNN(
        num_classes=_NUM_CLASSES,
        # 1920x1080, padded below to a multiple of the coarsest stride.
        input_size=[1088, 1920, 3],
        include_mask=False,
        mask_head=None,
        mask_sampler=None,
        mask_roi_aligner=None,
        backbone=backbones.Backbone(type="resnet", resnet=backbones.ResNet(model_id=101)),
        detection_generator=maskrcnn.DetectionGenerator(max_num_detections=_MAX_REGIONS),
        norm_activation=common.NormActivation(
            norm_momentum=0.997, norm_epsilon=1e-4, use_sync_bn=False
        ),
        **by_kind,
    )


def _experiment(name: str, model: maskrcnn.MaskRCNN) -> configs.Experiment:
    return configs.Experiment(
        experiment=name,
        task=configs.RegionDetectionTask(
            model=model,
            train_data=_data(is_training=True, batch_size=10),
            validation_data=_data(is_training=False, batch_size=1),
        ),
        trainer=_trainer(),
        runtime=configs.RuntimeConfig(mixed_precision_dtype="float32"),
        restrictions=[
            "task.train_data.is_training != None",
            "task.validation_data.is_training != None",
        ],
    )


def _data(is_training: bool, batch_size: int) -> maskrcnn.DataConfig:
    return maskrcnn.DataConfig(
        is_training=is_training,
        drop_remainder=is_training,
        global_batch_size=batch_size,
        dtype="float32",
        shuffle_buffer_size=256,
        parser=maskrcnn.Parser(max_num_instances=_MAX_REGIONS),
    )


def _trainer() -> configs.TrainerConfig:
    return configs.TrainerConfig(
        train_epochs=1000,
        validation_steps=-1,
        steps_per_loop=50,
        summary_interval=50,
        checkpoint_interval=500,
        validation_interval=500,
        max_to_keep=2,
        best_checkpoint_export_subdir="best",
        best_checkpoint_eval_metric="AP50",
        best_checkpoint_metric_comp="higher",
        optimizer_config=schedule.OptimizationConfig(
            {
                "optimizer": {"type": "sgd", "sgd": {"momentum": 0.9}},
                "learning_rate": {
                    "type": schedule.INVERSE_TIME_DECAY,
                    schedule.INVERSE_TIME_DECAY: {
                        "initial_learning_rate": 1e-3,
                        "decay_rate": 1e-6,
                    },
                },
            }
        ),
    )
