"""Model Garden's loop with our ends."""

import types

import pytest
from official.core import base_trainer

from rbc_tf.core.divergence import DivergedError
from rbc_tf.detection.garden import runner


def _ended(monkeypatch, **losses):
    monkeypatch.setattr(base_trainer.Trainer, "train_loop_end", lambda self: losses)
    trainer = object.__new__(runner.Trainer)
    step = types.SimpleNamespace(numpy=lambda: 40)
    monkeypatch.setattr(runner.Trainer, "global_step", step)
    return trainer.train_loop_end()


def test_losses_that_are_numbers_pass(monkeypatch):
    losses = {"training_loss": 1.5, "total_loss": 1.5, "learning_rate": 0.1}
    assert _ended(monkeypatch, **losses) == losses


@pytest.mark.parametrize("name", ["training_loss", "total_loss"])
def test_a_loss_that_is_no_number_ends_the_training_before_its_checkpoint(monkeypatch, name):
    with pytest.raises(DivergedError, match="nan in step 40"):
        _ended(monkeypatch, **{name: float("nan")})
