"""Model Garden's training loop, made right for several devices and several workers."""

import numpy as np
import tensorflow as tf
from official.core import base_trainer, train_lib

from rbc_tf.core import divergence
from rbc_tf.detection.garden import checkpoints, workers


class Trainer(base_trainer.Trainer):
    """Evaluates the weights that a checkpoint of them would hold, and ends where it diverges."""

    def train_loop_end(self) -> dict:
        # Before a checkpoint is written: the last one is from before.
        logs = super().train_loop_end()
        for name in ("training_loss", "total_loss"):
            if name in logs:
                divergence.check_loss(float(logs[name]), f"step {int(self.global_step.numpy())}")
        return logs

    def eval_begin(self) -> None:
        if self.strategy.num_replicas_in_sync > 1:
            _average_statistics(self.model)
        super().eval_begin()


def _average_statistics(model) -> None:
    """Gives every replica the mean of the batch norm statistics that each has gathered.

    A checkpoint holds the mean; without this, each replica would evaluate with its own.
    """
    for variable in model.non_trainable_variables:
        if variable.synchronization == tf.VariableSynchronization.ON_READ:
            variable.assign(variable.read_value())


class Runner(train_lib.OrbitExperimentRunner):
    """Lets all workers start from the run's last checkpoint.

    In Model Garden a worker other than the chief looks for it where it saves itself: in a new
    temporary folder. After a restart it would begin at step 0 while the chief goes on.

    Args:
        run_dir: folder of the run, which all workers read.
        output_dir: where this worker writes; the same for the chief.
        arguments: as OrbitExperimentRunner's, without `model_dir`.
    """

    def __init__(self, run_dir: str, output_dir: str, **arguments):
        self._run_dir = run_dir
        super().__init__(model_dir=output_dir, **arguments)
        self._check_same_step()

    def _maybe_build_checkpoint_manager(self) -> tf.train.CheckpointManager:
        trainer, latest = self.trainer, checkpoints.latest(self._run_dir)
        # All workers save, as reading a variable may take all of them; the chief's are kept.
        is_chief = self.model_dir == self._run_dir

        def start() -> None:
            if latest is None:
                trainer.initialize()
            else:
                trainer.checkpoint.restore(latest)

        return tf.train.CheckpointManager(
            trainer.checkpoint,
            directory=self.model_dir,
            max_to_keep=self.params.trainer.max_to_keep if is_chief else 1,
            step_counter=trainer.global_step,
            checkpoint_interval=self.params.trainer.checkpoint_interval,
            init_fn=start,
            # All must save at the same steps.
            last_checkpoint_step=None if latest is None else checkpoints.step(latest),
        )

    def _check_same_step(self) -> None:
        step = int(self.trainer.global_step.numpy())
        chiefs = int(workers.of_chief(np.array([step], np.float64), self.strategy)[0])
        if step != chiefs:
            raise ValueError(
                f"All workers must go on from the same checkpoint of {self._run_dir}, which "
                f"must be a folder that they share. Received: step {step} here, {chiefs} at the "
                "chief's"
            )
