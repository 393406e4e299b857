"""Training the networks of cell types, beside one Keras `fit` per type and fold."""

import functools
import resource

import keras
import numpy as np

from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.timing import Contender, compare
from rbc_tf.classification.heads import HEADS_LAYER, HeadsConfig, build_heads
from rbc_tf.classification.training import one_core_per_operation, train_heads
from rbc_tf.core.types import FeatureTable

_STAGE, _LONGER = "heads", "heads, more epochs"
_BY_TYPES, _BY_PATCHES = "heads by types", "heads by patches"
RBC_TF, KERAS = "rbc_tf", "Keras fit, one per type and fold"

# ResNet-50 gives 2048 features of a patch.
_FEATURES, _FOLDS, _TYPES = 2048, 5, 12
_TRAIN, _VALIDATION, _EPOCHS = 1000, 200, 3
# In few epochs Keras mostly compiles: in these it mostly trains.
_MORE_EPOCHS, _TYPES_OF_MORE_EPOCHS = 30, 2
_TYPE_SIZES = (2, 4, 8, 12, 24)
_PATCH_SIZES = (500, 2000, 10_000, 100_000)
_TYPES_OF_PATCH_SIZES = 2

_MOST_REPETITIONS = 3
# Keras takes minutes for the main rows.
_REPETITIONS_OF_ALL = 1

Part = tuple[FeatureTable, FeatureTable]


def measure(settings: Settings) -> list[Measurement]:
    """5 folds x 12 types beside Keras, then growth with types and with patches.

    Features are made up, none below 0 as ResNet's are; every network is trained for the same few
    epochs. Each operation has one core: Keras, too, is faster so at this size.

    Features are in memory as a whole: 8 kB a patch, and once more as a tensor; 1.6 GB for 100,000.
    """
    if not settings.quick:  # it lasts for the whole process
        one_core_per_operation()
    dim, train, validation, folds, types, epochs, more_epochs = (
        (64, 70, 20, 2, 2, 2, 3)
        if settings.quick
        else (_FEATURES, _TRAIN, _VALIDATION, _FOLDS, _TYPES, _EPOCHS, _MORE_EPOCHS)
    )
    repetitions = min(settings.repetitions, _MOST_REPETITIONS)
    parts = [
        (_table(train, dim, types, 2 * fold), _table(validation, dim, types, 2 * fold + 1))
        for fold in range(folds)
    ]
    found = _beside_keras(_STAGE, parts, epochs, _REPETITIONS_OF_ALL)
    part = tuple(_table(size, dim, _TYPES_OF_MORE_EPOCHS, size) for size in (train, validation))
    found += _beside_keras(_LONGER, [part], more_epochs, repetitions)
    for size in (2, 3) if settings.quick else _TYPE_SIZES:
        part = _table(train, dim, size, 0), _table(validation, dim, size, 1)
        found.append(_growth(_BY_TYPES, part, size, "type", repetitions))
    for size in (40, 80) if settings.quick else _PATCH_SIZES:
        train_part = _table(size, dim, _TYPES_OF_PATCH_SIZES, 0)
        part = train_part, _table(size // 5, dim, _TYPES_OF_PATCH_SIZES, 1)
        found.append(_growth(_BY_PATCHES, part, size, "patch", repetitions))
    return found


def _beside_keras(
    stage: str, parts: list[Part], epochs: int, repetitions: int
) -> list[Measurement]:
    config = HeadsConfig(max_epochs=epochs, patience=epochs)
    seconds = compare(
        [
            Contender(RBC_TF, functools.partial(_train, parts, config)),
            Contender(KERAS, functools.partial(_fit_with_keras, parts, config)),
        ],
        repetitions,
    )
    train, validation = parts[0]
    facts = {
        "folds": len(parts),
        "train_patches": len(train),
        "validation_patches": len(validation),
        "epochs": epochs,
    }
    difference = {"max_weight_difference_after_one_epoch": _difference(parts[0], config)}
    return [
        Measurement(
            stage=stage,
            contender=name,
            size=train.labels.shape[1],
            unit="type",
            seconds=taken,
            gflop=len(parts) * _gflop(parts[0], config),
            facts=facts | difference if name == RBC_TF else facts,
        )
        for name, taken in seconds.items()
    ]


def _growth(stage: str, part: Part, size: int, unit: str, repetitions: int) -> Measurement:
    """One epoch of one fold, by this software alone."""
    config = HeadsConfig(max_epochs=1)
    contender = Contender(RBC_TF, functools.partial(_train, [part], config))
    facts = {"folds": 1, "types": part[0].labels.shape[1], "train_patches": len(part[0])}
    seconds = compare([contender], repetitions)[RBC_TF]
    # Of the process until now; sizes grow, and so does this.
    facts["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    gflop = _gflop(part, config)
    return Measurement(stage, RBC_TF, size, unit, seconds, gflop, facts)


def _train(parts: list[Part], config: HeadsConfig) -> None:
    for train, validation in parts:
        train_heads(train, validation, _names(train), config)


def _fit_with_keras(parts: list[Part], config: HeadsConfig) -> None:
    for train, validation in parts:
        for head in range(train.labels.shape[1]):
            keras.utils.clear_session()  # or each fit would be slower than the last
            _keras_network(train.features.shape[1], config).fit(
                train.features,
                train.labels[:, head],
                batch_size=config.batch_size,
                epochs=config.max_epochs,
                validation_data=(validation.features, validation.labels[:, head]),
                verbose=0,
            )


def _keras_network(dim: int, config: HeadsConfig) -> keras.Model:
    l2 = keras.regularizers.L2(config.l2)
    network = keras.Sequential(
        [
            keras.Input((dim,)),
            keras.layers.Dense(config.hidden_units, "relu", kernel_regularizer=l2),
            keras.layers.Dense(1, "sigmoid", kernel_regularizer=l2),
        ]
    )
    network.compile(keras.optimizers.Adam(config.learning_rate), "binary_crossentropy")
    return network


def _difference(part: Part, config: HeadsConfig) -> float:
    """Between the weights of the first type, trained here and by Keras on the same batches."""
    train, validation = part
    nothing = validation.select(slice(0, 0))  # the last weights are kept
    config = HeadsConfig(max_epochs=1, seed=config.seed)
    trained = train_heads(train, nothing, _names(train), config)
    start = build_heads(_names(train), train.features.shape[1], config)
    network = _keras_network(train.features.shape[1], config)
    network.set_weights(_first_network(start))
    order = np.random.default_rng([config.seed, 1]).permutation(len(train))
    network.fit(
        train.features[order],
        train.labels[order, 0],
        batch_size=config.batch_size,
        shuffle=False,
        verbose=0,
    )
    pairs = zip(_first_network(trained.model), network.get_weights(), strict=True)
    return max(float(np.abs(left - right).max()) for left, right in pairs)


def _first_network(model: keras.Model) -> list[np.ndarray]:
    """Weights of the first type, in the order and shapes of `_keras_network`."""
    layer = model.get_layer(HEADS_LAYER)
    return [
        layer.hidden_kernel.numpy()[:, 0],
        layer.hidden_bias.numpy()[0],
        layer.output_kernel.numpy()[0][:, None],
        layer.output_bias.numpy()[:1],
    ]


def _gflop(part: Part, config: HeadsConfig) -> float:
    """Of the products with the hidden kernels: two per training row, one per validation row."""
    train, validation = part
    rows = config.max_epochs * (2 * len(train) + len(validation))
    networks = train.labels.shape[1]
    return 2e-9 * rows * networks * train.features.shape[1] * config.hidden_units


def _names(table: FeatureTable) -> list[str]:
    return [f"type{head}" for head in range(table.labels.shape[1])]


def _table(count: int, dim: int, types: int, seed: int) -> FeatureTable:
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, types)) < 0.2).astype(np.int8)
    labels[:1] = 1  # no type is without a patch
    names = np.full(count, "image")
    return FeatureTable(
        features=rng.standard_exponential((count, dim), np.float32),
        labels=labels,
        images=names,
        groups=names,
        splits=names,
        boxes=np.zeros((count, 4), np.float32),
        num_cells=np.ones(count, np.int32),
        complete=np.ones(count, bool),
    )
