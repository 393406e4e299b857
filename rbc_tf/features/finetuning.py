"""Trains a backbone on labelled patches, from given weights or from scratch: Keras alone.

Not in the paper, whose ResNet-50 is frozen as ImageNet left it; cells look little like what
ImageNet shows. Another network can teach it, see `teacher`. The loop calls Keras and NumPy only and
so runs on any backend of Keras (TensorFlow, JAX, PyTorch) with the accelerator it has.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tqdm
from absl import logging

from rbc_tf.core import divergence, files, structured, unseen
from rbc_tf.core.fingerprint import Fingerprint
from rbc_tf.core.keras_settings import keras
from rbc_tf.features import backbone_spec, prediction, training_state
from rbc_tf.features.augmentation import AugmentationConfig, augment
from rbc_tf.features.backbone import hash_of_weights
from rbc_tf.features.backbone_spec import BackboneSpec
from rbc_tf.features.masked_loss import masked_cross_entropy, positive_weights, score_logits
from rbc_tf.features.patch_archive import PatchArchive
from rbc_tf.features.teacher import Teacher, taught_loss
from rbc_tf.metrics.multilabel import known_auc

_FINGERPRINT, _HISTORY = "fingerprint.json", "history.json"
_OLD_FINGERPRINT = "made_of.json"  # of version 0.1.0
_BEST, _STATE = "best.weights.h5", "state/latest.weights.h5"


@dataclasses.dataclass(frozen=True)
class FinetuningConfig:
    """How the backbone is trained.

    Attributes:
        epochs: passes over the training patches.
        batch_size: patches per step.
        learning_rate: of AdamW, after `warmup` and before it falls to 0 along a cosine.
        warmup: share of all steps over which the learning rate rises from 0.
        weight_decay: of AdamW.
        dropout: share of features left out before the last layer.
        norm_momentum: of the moving averages of batch normalisation; 0.99 (Keras's default) lags
            behind where an epoch has few steps, and validation scores jump.
        largest_weight: most that a positive of a rare type weighs against a negative.
        composed_share: share of each batch that composed multi-cell regions make up; an epoch
            passes once over the real ones, and composed single cells, which show nothing that
            these do not, are left out. None: composed and real regions alike.
        weight_averaging: momentum of the moving average of the weights, which is what is validated
            and kept; 0: the weights themselves.
        teacher_weight: what the mean squared difference from the teacher's features, of deviation
            1, weighs against the cross-entropy, summed over types; without a teacher, nothing.
        precision: Keras dtype policy of the training, 'float32', 'mixed_bfloat16' or
            'mixed_float16'; the result is float32.
        seed: of initial weights, order and augmentation.
        augmentation: how patches are varied.
    """

    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.02
    dropout: float = 0.2
    norm_momentum: float = 0.9
    largest_weight: float = 5.0
    composed_share: float | None = None
    weight_averaging: float = 0.0
    teacher_weight: float = 5.0
    precision: str = "float32"
    seed: int = 0
    augmentation: AugmentationConfig = dataclasses.field(default_factory=AugmentationConfig)

    def __post_init__(self):
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be 1 or more. Received: {getattr(self, name)}")
        for name in ("warmup", "dropout", "norm_momentum", "weight_averaging", "composed_share"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise ValueError(
                    f"`{name}` must be 0 or more, below 1. Received: {getattr(self, name)}"
                )
        for name in ("learning_rate", "teacher_weight"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"`{name}` must be above 0. Received: {getattr(self, name)}")
        if self.largest_weight < 1:
            raise ValueError(f"`largest_weight` must be 1 or more. Received: {self.largest_weight}")
        if self.precision not in ("float32", "mixed_bfloat16", "mixed_float16"):
            raise ValueError(
                "`precision` must be float32, mixed_bfloat16 or mixed_float16. "
                f"Received: {self.precision!r}"
            )

    def to_fingerprint(self, taught: bool = False) -> dict:
        """The settings that a training with or without a teacher depends on."""
        settings = dataclasses.asdict(self)
        if not taught:
            del settings["teacher_weight"]
        return settings


class AugmentedBatches(keras.utils.PyDataset):
    """Batches of augmented patches and their labels, in a new order each epoch.

    An epoch has each patch once at most; with a share of composed ones, each of the others, and
    composed ones go round, epoch after epoch. After the labels come the teacher's features, of the
    augmented patches.
    """

    def __init__(
        self,
        archive: PatchArchive,
        config: FinetuningConfig,
        first_epoch: int = 0,
        teacher: Teacher | None = None,
    ):
        super().__init__()
        self._archive, self._config, self._teacher = archive, config, teacher
        self._epoch = first_epoch
        self._composed_rows, self._other_rows = _rows_apart(archive, config)
        self._num_composed = round(config.batch_size * (config.composed_share or 0))
        self._shuffle()

    def __len__(self) -> int:
        return max(len(self._other_rows) // (self._config.batch_size - self._num_composed), 1)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        size = self._config.batch_size - self._num_composed
        rows = self._order[index * size : (index + 1) * size]
        if self._num_composed:
            start = (self._epoch * len(self) + index) * self._num_composed
            places = np.arange(start, start + self._num_composed) % len(self._composed_rows)
            rows = np.append(rows, self._composed_rows[places])
        rng = np.random.default_rng([self._config.seed, self._epoch, index])
        patches = augment(self._archive.patches[rows], self._config.augmentation, rng)
        labels = self._archive.labels[rows].astype(np.float32)
        if self._teacher is None:
            return patches, labels
        return patches, np.concatenate([labels, self._teacher.targets(patches)], axis=1)

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        rng = np.random.default_rng([self._config.seed, self._epoch])
        self._order = rng.permutation(self._other_rows)


def _rows_apart(archive: PatchArchive, config: FinetuningConfig) -> tuple[np.ndarray, np.ndarray]:
    """Composed multi-cell rows in the order in which they go round, real ones; int [n] each."""
    if not config.composed_share:
        return np.zeros(0, int), np.arange(len(archive))
    composed = np.flatnonzero(archive.composed & (archive.num_cells > 1))
    others = np.flatnonzero(~archive.composed)
    if not (len(composed) and len(others)):
        raise ValueError(
            "Composed multi-cell regions and real ones are required to train on, where "
            f"`composed_share` is given. Received: {len(composed)} and {len(others)}"
        )
    return np.random.default_rng(config.seed).permutation(composed), others


def _positive_weights(archive: PatchArchive, config: FinetuningConfig) -> np.ndarray:
    """float32 [T]; patches count as often as batches have them."""
    composed, others = _rows_apart(archive, config)
    rows = np.ones(len(archive))
    if len(composed):
        share = config.composed_share
        rows[composed] = share * len(others) / ((1 - share) * len(composed))
    return positive_weights(archive.labels, config.largest_weight, rows)


def finetune(
    train: PatchArchive,
    validation: PatchArchive,
    config: FinetuningConfig,
    start: keras.Model | None,
    work_dir: str | pathlib.Path,
    backbone: str = backbone_spec.DEFAULT,
    teacher: keras.Model | None = None,
) -> tuple[keras.Model, list[dict]]:
    """Trains, and gives the backbone of the epoch with the best mean AUC on validation patches.

    A killed run goes on at its last whole epoch when called again with the same `work_dir`.

    Args:
        train, validation: patches cut alike, of different groups.
        start: a backbone to begin with (RGB patches -> features); None: from scratch.
        work_dir: for the state of the training, curves and history.
        backbone: name of the network, one of `backbone_spec.names()`.
        teacher: a trained backbone of any architecture (RGB patches -> features) to learn from,
            too. It sees the patches as they are cut for the network that learns.

    Returns:
        backbone, float32, RGB patches -> features [N, D]; and per epoch a mapping with
        `epoch`, `loss`, `validation_loss`, `mean_auc` and `auc` by type (None where validation
        patches lack the type).

    Raises:
        ValueError: the archives do not belong together, the teacher takes other patches, or
            `work_dir` holds another training.
        DivergedError: the loss is no number any more.
    """
    spec = backbone_spec.find(backbone)
    _check_archives(train, validation, spec)
    work_dir = pathlib.Path(work_dir)
    work_dir.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    size = train.patches.shape[1]
    taught_by = None if teacher is None else Teacher.of(teacher, train.patches)
    num_types = train.labels.shape[1]
    model = _training_model(spec, size, num_types, config, taught_by)
    if start is not None:
        model.get_layer("backbone").set_weights(start.get_weights())
    _check_state(work_dir, train, validation, config, start, backbone, teacher)
    weights = _positive_weights(train, config)
    steps_per_epoch = len(AugmentedBatches(train, config))
    _compile(model, config, steps_per_epoch, weights, taught=taught_by is not None)
    done = training_state.restore(work_dir / _STATE, model, steps_per_epoch)
    history = _load_history(work_dir, done)
    callbacks = [
        _Progress(config.epochs, steps_per_epoch),
        _Validation(validation, weights, work_dir, history, config.weight_averaging > 0),
        training_state.TrainingState(work_dir / _STATE),
    ]
    batches = AugmentedBatches(train, config, done, taught_by)
    # The batches have an order of their own, which a run that goes on finds again.
    model.fit(
        batches,
        initial_epoch=done,
        epochs=config.epochs,
        shuffle=False,
        callbacks=callbacks,
        verbose=0,
    )
    trained = spec.with_preprocessing(spec.build(size))
    model.load_weights(work_dir / _BEST)
    trained.set_weights(model.get_layer("backbone").get_weights())
    return trained, history


def make_record(
    train: PatchArchive,
    validation: PatchArchive,
    config: FinetuningConfig,
    history: list[dict],
    earlier: Sequence[Mapping] = (),
    teacher: str | None = None,
) -> dict:
    """The record of how a backbone was fine-tuned, plain JSON values.

    `images` has the sha256 of every image that took part, by name; `crop` how patches must be cut.
    Where it began with weights that were fine-tuned themselves, or learnt from a teacher that was,
    by `earlier`, their records, it has seen the images of all of them, and multi-cell regions where
    any has. `teacher` is the hash of the weights of a teacher.
    """
    images = {**train.seen_images, **validation.seen_images}
    for record in earlier:
        images |= _others(record["images"], images)
    regions = {train.about["regions"], *(record["regions"] for record in earlier)}
    return {
        "crop": train.about["crop"],
        "regions": regions.pop() if len(regions) == 1 else "all",
        "types": train.about["types"],
        "images": images,
        "num_patches": {"train": len(train), "validation": len(validation)},
        "config": config.to_fingerprint(taught=teacher is not None),
        **({} if teacher is None else {"teacher": teacher}),
        "best": max(history, key=lambda entry: entry["mean_auc"]),
        "backend": keras.backend.backend(),
        "versions": files.versions(),
    }


def _others(earlier: Mapping[str, str], images: Mapping[str, str]) -> dict[str, str]:
    """The images that are not among `images`; one of the same name gets its hash beside it."""
    found = {}
    for name, sha256 in earlier.items():
        if sha256 not in images.values():
            found[f"{name} {sha256}" if name in images else name] = sha256
    return found


class _Progress(keras.callbacks.Callback):
    """A bar of steps: an epoch may take a quarter of an hour."""

    async_safe = True  # it reads no values of a step, which Keras would wait for

    def __init__(self, epochs: int, steps_per_epoch: int):
        super().__init__()
        self._epochs, self._steps = epochs, steps_per_epoch

    def on_epoch_begin(self, epoch, logs=None):
        title = f"epoch {epoch + 1} of {self._epochs}"
        self._bar = tqdm.tqdm(total=self._steps, desc=title, unit="step", leave=False)

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self._bar.close()


class _Validation(keras.callbacks.Callback):
    """After each epoch: scores on validation patches, the best weights, the history."""

    def __init__(
        self,
        validation: PatchArchive,
        weights: np.ndarray,
        work_dir: pathlib.Path,
        history: list,
        averaged: bool,
    ):
        super().__init__()
        self._validation, self._weights = validation, weights
        self._work_dir, self._history = work_dir, history
        self._averaged = averaged

    def on_epoch_end(self, epoch, logs=None):
        divergence.check_loss(float(logs["loss"]), f"epoch {epoch + 1}")
        if not self._averaged:
            self._validate(epoch, logs)
            return
        trained = self.model.get_weights()
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        self._validate(epoch, logs)
        self.model.set_weights(trained)  # the training goes on with these

    def _validate(self, epoch, logs):
        logits = prediction.predict(self.model, self._validation.patches)
        logits = logits[:, : len(self._weights)]  # without the features that a teacher gave
        scores = score_logits(logits, self._validation, self._weights)
        entry = {"epoch": epoch + 1, "loss": float(logs["loss"]), **scores}
        best = max((earlier["mean_auc"] for earlier in self._history), default=-1.0)
        if entry["mean_auc"] > best:
            with files.atomic_path(self._work_dir / _BEST) as temporary:
                self.model.save_weights(str(temporary), overwrite=True)
        self._history.append(entry)
        files.write_json(self._work_dir / _HISTORY, self._history)
        logging.info(
            "epoch %d: loss %.4f, validation loss %.4f, mean AUC %.4f",
            epoch + 1,
            entry["loss"],
            entry["validation_loss"],
            entry["mean_auc"],
        )


def _training_model(
    spec: BackboneSpec,
    size: int,
    num_types: int,
    config: FinetuningConfig,
    teacher: Teacher | None,
) -> keras.Model:
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(config.precision)
    try:
        network = spec.build(size)
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = config.norm_momentum
        backbone = spec.with_preprocessing(network)
        # The backbone stays one layer, so that its weights can be taken out again.
        patches = keras.Input((size, size, 3))
        features = backbone(patches)
        values = keras.layers.Dropout(config.dropout, seed=config.seed)(features)
        outputs = keras.layers.Dense(num_types, dtype="float32", name="types")(values)
        if teacher is not None:
            taught = keras.layers.Dense(teacher.feature_dim, dtype="float32", name="taught")
            outputs = keras.layers.Concatenate(dtype="float32")([outputs, taught(features)])
        return keras.Model(patches, outputs)
    finally:
        keras.mixed_precision.set_dtype_policy(before)


def _compile(
    model: keras.Model,
    config: FinetuningConfig,
    steps_per_epoch: int,
    weights: np.ndarray,
    taught: bool,
) -> None:
    model.compile(
        optimizer=_optimizer(config, steps_per_epoch),
        loss=(
            taught_loss(weights, config.teacher_weight) if taught else masked_cross_entropy(weights)
        ),
        # Of XLA the processor gains nothing here; JAX cannot do without.
        jit_compile=keras.backend.backend() == "jax",
    )


def _optimizer(config: FinetuningConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    steps = config.epochs * steps_per_epoch
    warmup = round(config.warmup * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        decay_steps=max(steps - warmup, 1),
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        use_ema=config.weight_averaging > 0,
        ema_momentum=config.weight_averaging,
    )
    # Decay pulls kernels to 0; the scales and offsets of normalisation are not to be pulled.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _check_state(work_dir, train, validation, config, start, backbone: str, teacher) -> None:
    """Records in `work_dir` what is trained there; raises where that is something else."""
    values = {
        "config": config.to_fingerprint(taught=teacher is not None),
        "start": hash_of_weights(start) if start is not None else None,
        "patches": [
            files.sha256_of_bytes(
                archive.patches.tobytes(), archive.labels.tobytes(), archive.composed.tobytes()
            )
            for archive in (train, validation)
        ],
    }
    if backbone != backbone_spec.UNNAMED:
        values["backbone"] = backbone
    if teacher is not None:
        values["teacher"] = hash_of_weights(teacher)
    fingerprint = Fingerprint(values)
    for name in (_FINGERPRINT, _OLD_FINGERPRINT):
        if (work_dir / name).exists():
            earlier = Fingerprint.load(work_dir / name)
            fingerprint.check(
                earlier, f"the training in {work_dir}", "Delete it, or name another folder."
            )
    fingerprint.save(work_dir / _FINGERPRINT)


def _load_history(work_dir: pathlib.Path, done: int) -> list[dict]:
    """Of the epochs that are done; a killed run may have left that of another one."""
    if not done:
        return []
    history = structured.load_json(work_dir / _HISTORY)
    if len(history) < done:
        raise ValueError(
            f"{work_dir / _HISTORY} must have the {done} epochs of {work_dir / _STATE}. "
            f"Received: {len(history)}. Delete the folder to begin anew."
        )
    return history[:done]


def _check_archives(train: PatchArchive, validation: PatchArchive, spec: BackboneSpec) -> None:
    spec.check_patch_size(train.patches.shape[1])
    fill = train.about["crop"].get("fill") or backbone_spec.find(backbone_spec.UNNAMED).fill
    if list(fill) != list(spec.fill):
        raise ValueError(
            f"Patches for {spec.title} must be filled with {list(spec.fill)}. "
            f"Received: {list(fill)}. Cut them again with this backbone"
        )
    for key in ("types", "crop", "regions"):
        if train.about[key] != validation.about[key]:
            raise ValueError(
                f"Training and validation patches must have the same {key}. "
                f"Received: {train.about[key]} and {validation.about[key]}"
            )
    unseen.check_apart("image", *(archive.seen_images.values() for archive in (train, validation)))
    if all(known_auc(labels, np.zeros(len(labels))) is None for labels in validation.labels.T):
        raise ValueError(
            "Validation patches must have a type that some of them hold and others do not: the "
            "best epoch is that of the highest mean AUC. Received: none"
        )
