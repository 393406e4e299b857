"""Learning rate as Keras 2 decays it: initial / (1 + decay * step).

Model Garden's SGD takes a `decay` of its own and applies it, but what it then logs as
`learning_rate` stays flat. As a schedule, the logged value is the applied one.
"""

import dataclasses

import tf_keras
from official.modeling import hyperparams
from official.modeling.optimization import optimizer_factory
from official.modeling.optimization.configs import learning_rate_config, optimization_config

INVERSE_TIME_DECAY = "inverse_time_decay"


@dataclasses.dataclass
class InverseTimeDecayConfig(hyperparams.Config):
    """Arguments of tf_keras.optimizers.schedules.InverseTimeDecay.

    With `decay_steps` 1 the rate at a step is initial_learning_rate / (1 + decay_rate * step).
    """

    name: str = "InverseTimeDecay"
    initial_learning_rate: float = 1e-3
    decay_steps: int = 1
    decay_rate: float = 1e-6
    staircase: bool = False


@dataclasses.dataclass
class LearningRateConfig(optimization_config.LrConfig):
    """Model Garden's schedules and inverse time decay."""

    inverse_time_decay: InverseTimeDecayConfig = dataclasses.field(
        default_factory=InverseTimeDecayConfig
    )


@dataclasses.dataclass
class OptimizationConfig(optimization_config.OptimizationConfig):
    learning_rate: LearningRateConfig = dataclasses.field(default_factory=LearningRateConfig)


def use_train_steps(optimization: OptimizationConfig, train_steps: int) -> None:
    """Lets a cosine schedule that names no `decay_steps` end with the training.

    Raises:
        ValueError: the warm-up would not end before the training.
    """
    warmup = optimization.warmup.get()
    if warmup is not None and warmup.warmup_steps >= train_steps:
        raise ValueError(
            "warmup_steps must be below the number of training steps. "
            f"Received: {warmup.warmup_steps} of {train_steps} steps"
        )
    decay = optimization.learning_rate.get()
    if isinstance(decay, learning_rate_config.CosineLrConfig) and decay.decay_steps is None:
        decay.decay_steps = train_steps


optimizer_factory.LR_CLS[INVERSE_TIME_DECAY] = tf_keras.optimizers.schedules.InverseTimeDecay
