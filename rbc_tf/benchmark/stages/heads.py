"""Training the heads: every type of every fold, each step the same as Keras' `fit` would do.

Beside it stands what a user of Keras would write: one small model per type and fold, and `fit`.

The features of a fold are in memory as a whole, as float32: 8 kB a patch, 0.8 GB for 100,000.
"""

import resource

import keras
import numpy as np

from rbc_tf.benchmark.measurement import Measurement
from rbc_tf.benchmark.settings import Settings
from rbc_tf.benchmark.timing import Contender, compare
from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.classification.training import train_heads
from rbc_tf.types import FeatureTable

RBC_TF, KERAS = "rbc_tf", "Keras fit, one per type and fold"

_FOLDS, _EPOCHS, _DIM = 5, 3, 2048
_PATCHES = 1024
_TYPES, _QUICK_TYPES = (2, 6, 12, 24), (2,)
# Dozens of models one after the other take minutes.
_TYPES_AGAINST_KERAS = (2, 12)
_GROWTH, _QUICK_GROWTH = (500, 5_000, 20_000, 100_000), (64,)


def measure(settings: Settings) -> list[Measurement]:
    measured = []
    for types in _QUICK_TYPES if settings.quick else _TYPES:
        measured += _against_keras(settings, types)
    for patches in _QUICK_GROWTH if settings.quick else _GROWTH:
        measured.append(_growth(settings, patches))
    return measured


def _against_keras(settings: Settings, types: int) -> list[Measurement]:
    patches, dim = (64, 32) if settings.quick else (_PATCHES, _DIM)
    num_folds = 1 if settings.quick else _FOLDS
    folds = [make_table(patches, dim, types, seed) for seed in range(num_folds)]
    config = HeadsConfig(max_epochs=_EPOCHS, patience=_EPOCHS)
    contenders = [Contender(RBC_TF, lambda: [_train(table, types, config) for table in folds])]
    if types in _TYPES_AGAINST_KERAS:
        contenders.append(
            Contender(KERAS, lambda: [_fit_each(table, types, config) for table in folds])
        )
    # Forward, and back to the weights: the features need no gradient. Validation is left out.
    gflop = len(folds) * _EPOCHS * types * patches * 2 * 2 * dim * config.hidden_units / 1e9
    seconds = compare(contenders, min(settings.repetitions, 1 if types > 6 else 3))
    facts = {"folds": len(folds), "epochs": _EPOCHS, "patches": patches}
    return [
        Measurement("heads", name, types, "type", times, gflop=gflop, facts=facts)
        for name, times in seconds.items()
    ]


def _growth(settings: Settings, patches: int) -> Measurement:
    """One epoch of six types."""
    table = make_table(patches, 32 if settings.quick else _DIM, 6, seed=0)
    config = HeadsConfig(max_epochs=1)
    contender = Contender(RBC_TF, lambda: _train(table, 6, config))
    seconds = compare([contender], min(settings.repetitions, 2))[RBC_TF]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Measurement(
        "heads by patches", RBC_TF, patches, "patch", seconds, facts={"peak_megabytes": peak}
    )


def make_table(patches: int, dim: int, types: int, seed: int) -> FeatureTable:
    """Features as a ReLU leaves them, and labels that follow from some of them."""
    generator = np.random.default_rng(seed)
    features = np.maximum(generator.standard_normal((patches, dim), np.float32), 0)
    labels = (features[:, :types] > 0.5).astype(np.int8)
    return FeatureTable(
        features=features,
        labels=labels,
        images=np.full(patches, "image"),
        groups=np.full(patches, "group"),
        splits=np.full(patches, "train"),
        boxes=np.zeros((patches, 4), np.float32),
        num_cells=np.ones(patches, np.int32),
        complete=np.ones(patches, bool),
    )


def _names(types: int) -> list[str]:
    return [f"type_{number}" for number in range(types)]


def _train(table: FeatureTable, types: int, config: HeadsConfig) -> None:
    train_heads(table, _validation(table), _names(types), config)


def _validation(table: FeatureTable) -> FeatureTable:
    count = max(1, min(256, len(table) // 4))
    return make_table(count, table.features.shape[1], table.labels.shape[1], seed=99)


def _fit_each(table: FeatureTable, types: int, config: HeadsConfig) -> None:
    validation = _validation(table)
    for number in range(types):
        regularizer = keras.regularizers.L2(config.l2)
        model = keras.Sequential(
            [
                keras.Input((table.features.shape[1],)),
                keras.layers.Dense(
                    config.hidden_units, activation="relu", kernel_regularizer=regularizer
                ),
                keras.layers.Dense(1, activation="sigmoid", kernel_regularizer=regularizer),
            ]
        )
        model.compile(keras.optimizers.Adam(config.learning_rate), "binary_crossentropy")
        model.fit(
            table.features,
            table.labels[:, number].astype(np.float32),
            batch_size=config.batch_size,
            epochs=config.max_epochs,
            validation_data=(
                validation.features,
                validation.labels[:, number].astype(np.float32),
            ),
            callbacks=[
                keras.callbacks.EarlyStopping(patience=config.patience, restore_best_weights=True)
            ],
            verbose=0,
        )
