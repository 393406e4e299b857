"""The devices and machines of a run: which workers there are, and what they exchange.

A worker is one process with its devices, usually one to a machine. All workers run the same
program on the same step; the first one, the chief, is the one whose files count.
"""

import contextlib
import dataclasses
import json
import os
import random
import re
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from absl import logging
from official.common import distribute_utils
from official.core import config_definitions as cfg

from rbc_tf.core import files
from rbc_tf.detection.garden import configs

_MULTI_WORKER = "multi_worker_mirrored"
# What an unset `runtime.distribution_strategy` says: one process with all its devices.
_ONE_PROCESS = "mirrored"
_TF_CONFIG = "TF_CONFIG"
_ADDRESS = re.compile(r"[^\s:/]+:\d+|\[[0-9a-fA-F:]+\]:\d+")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Attributes:
    addresses: 'host:port' of each worker, the chief first; empty where there is only this one.
    index: place of this process in `addresses`.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0

    @property
    def is_chief(self) -> bool:
        return self.index == 0

    @property
    def has_peers(self) -> bool:
        return len(self.addresses) > 1


def cluster(runtime: configs.RuntimeConfig) -> Cluster:
    """The workers that TF_CONFIG, or `runtime.worker_hosts` and `runtime.task_index` name.

    Raises:
        ValueError: they are malformed or contradict each other or `distribution_strategy`.
    """
    by_flags = _of_runtime(runtime)
    by_environment = _of_environment()
    if by_flags.addresses and by_environment.addresses and by_flags != by_environment:
        raise ValueError(
            f"runtime.worker_hosts and {_TF_CONFIG} must name the same workers and index. "
            f"Received: {by_flags} and {by_environment}"
        )
    found = by_flags if by_flags.addresses else by_environment
    if found.has_peers and runtime.distribution_strategy not in (_ONE_PROCESS, _MULTI_WORKER):
        raise ValueError(
            f"runtime.distribution_strategy must be {_MULTI_WORKER} with several workers. "
            f"Received: {runtime.distribution_strategy!r}"
        )
    return found


def _of_runtime(runtime: configs.RuntimeConfig) -> Cluster:
    if not runtime.worker_hosts:
        if runtime.task_index >= 0:
            raise ValueError(
                "runtime.task_index requires runtime.worker_hosts. "
                f"Received: task_index {runtime.task_index} without worker_hosts"
            )
        return Cluster()
    addresses = runtime.worker_hosts.split(",")
    index = runtime.task_index
    if index < 0 and len(addresses) == 1:
        index = 0
    return _checked(addresses, index, "runtime.worker_hosts", "runtime.task_index")


def _of_environment() -> Cluster:
    text = os.environ.get(_TF_CONFIG, "")
    try:
        value = json.loads(text or "{}")
        jobs = value.get("cluster", {})
        if not jobs:
            return Cluster()
        chiefs, workers = (list(jobs.get(job, [])) for job in ("chief", "worker"))
        job, index = value["task"]["type"], int(value["task"]["index"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f'{_TF_CONFIG} must be like {{"cluster": {{"worker": ["host:port", ...]}}, '
            f'"task": {{"type": "worker", "index": 0}}}}. Received: {text}'
        ) from error
    members = {"chief": chiefs, "worker": workers}
    if set(jobs) - set(members) or job not in members:
        raise ValueError(
            f"{_TF_CONFIG} must name jobs 'chief' and 'worker' only. "
            f"Received: jobs {sorted(jobs)}, task {job!r}"
        )
    if not 0 <= index < len(members[job]):
        raise ValueError(
            f"{_TF_CONFIG}'s task index must be below the number of its job's tasks. "
            f"Received: {index} of {len(members[job])} tasks {job!r}"
        )
    place = index if job == "chief" else len(chiefs) + index
    return _checked(chiefs + workers, place, _TF_CONFIG, f"{_TF_CONFIG}'s task index")


def _checked(addresses: list[str], index: int, name: str, index_name: str) -> Cluster:
    wrong = [address for address in addresses if not _ADDRESS.fullmatch(str(address))]
    if wrong or len(set(addresses)) < len(addresses):
        raise ValueError(f"{name} must be distinct addresses host:port. Received: {addresses}")
    if not 0 <= index < len(addresses):
        raise ValueError(
            f"{index_name} must be from 0 to {len(addresses) - 1}, the place of this worker in "
            f"the list. Received: {index}"
        )
    return Cluster(tuple(addresses), index)


def forget(runtime: configs.RuntimeConfig) -> None:
    """Takes out what belongs to one process of a run and not to the settings of the run."""
    runtime.worker_hosts = None
    runtime.task_index = -1


def strategy(runtime: configs.RuntimeConfig) -> tf.distribute.Strategy:
    """How the run is spread over devices and workers; with several it waits for all of them.

    Must come before TensorFlow computes anything where there are several workers.

    Raises:
        ConnectionError: the workers do not find together.
    """
    members = cluster(runtime)
    distribute_utils.configure_cluster(runtime.worker_hosts, runtime.task_index)
    num_gpus = runtime.num_gpus
    if num_gpus < 0:
        num_gpus = len(tf.config.list_physical_devices("GPU"))
    logging.info("Devices: %s", f"{num_gpus} GPUs" if num_gpus else "processor only")
    with _waiting_for(members):
        return distribute_utils.get_distribution_strategy(
            distribution_strategy=(
                _MULTI_WORKER if members.has_peers else runtime.distribution_strategy
            ),
            all_reduce_alg=runtime.all_reduce_alg,
            num_gpus=num_gpus,
            tpu_address=runtime.tpu,
        )


@contextlib.contextmanager
def _waiting_for(members: Cluster) -> Iterator[None]:
    if not members.has_peers:
        yield
        return
    everyone = ", ".join(members.addresses)
    logging.info("Worker %s waits for all of %s", members.index, everyone)
    try:
        yield
    except tf.errors.OpError as error:
        raise ConnectionError(
            f"Worker {members.index} requires {members.addresses[members.index]} to be a free port "
            f"of this machine, and all of {everyone} to be started: {error.message}"
        ) from error


def check_same_settings(params: configs.Experiment, spread: tf.distribute.Strategy) -> None:
    """Raises ValueError where this worker's settings are not the chief's.

    Where files lie may differ from machine to machine.
    """
    settings = params.as_dict()
    task, runtime = settings["task"], settings["runtime"]
    for part, own in (
        (task, ("records_dir", "init_checkpoint")),
        (task["train_data"], ("input_path",)),
        (task["validation_data"], ("input_path",)),
        (runtime, ("worker_hosts", "task_index")),
    ):
        for name in own:
            del part[name]
    # 48 bits, which float64 holds exactly.
    digest = int(files.sha256_of_json(settings)[:12], 16)
    if digest != of_chief(np.array([digest], np.float64), spread)[0]:
        raise ValueError(
            "All workers must be given the same settings, files of settings and seed. This one's "
            "are not the chief's"
        )


def check_batches(params: configs.Experiment, spread: tf.distribute.Strategy) -> None:
    """Raises ValueError where a batch cannot be shared equally among the devices."""
    # Every worker evaluates by itself.
    shared_by = {
        "train_data": spread.num_replicas_in_sync,
        "validation_data": _num_devices_here(spread),
    }
    for name, replicas in shared_by.items():
        batch = getattr(params.task, name).global_batch_size
        if batch % replicas:
            raise ValueError(
                f"task.{name}.global_batch_size must be a multiple of {replicas}, the number of "
                f"devices that share it. Received: {batch}"
            )


def note_batch_norm(params: configs.Experiment, spread: tf.distribute.Strategy) -> None:
    """Says that batch norm, by default, sees the images of one device only."""
    replicas = spread.num_replicas_in_sync
    if replicas > 1 and not params.task.model.norm_activation.use_sync_bn:
        logging.info(
            "Batch norm sees the %s images of each of %s devices by themselves; with "
            "task.model.norm_activation.use_sync_bn=true it sees all of them, as one device does",
            params.task.train_data.global_batch_size // replicas,
            replicas,
        )


def share_seed(data: cfg.DataConfig, spread: tf.distribute.Strategy) -> None:
    """Sets the seed by which files are shuffled before workers take their share of them.

    Model Garden lets each worker draw one, and two would then read the same file.
    """
    if data.seed is None and _has_peers(spread):
        drawn = np.array([random.getrandbits(31)], np.float64)
        data.seed = int(of_chief(drawn, spread)[0])


def of_chief(values: np.ndarray, spread: tf.distribute.Strategy) -> np.ndarray:
    """The chief's `values`, float64 of one shape on every worker; all workers must call it."""
    if not _has_peers(spread):
        return values

    def value_on(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
        first = context.replica_id_in_sync_group == 0
        return tf.constant(values if first else np.zeros_like(values), tf.float64)

    sent = spread.experimental_distribute_values_from_function(value_on)
    return spread.reduce(tf.distribute.ReduceOp.SUM, sent, axis=None).numpy()


def _has_peers(spread: tf.distribute.Strategy) -> bool:
    return spread.num_replicas_in_sync > _num_devices_here(spread)


def _num_devices_here(spread: tf.distribute.Strategy) -> int:
    if isinstance(spread, tf.distribute.MultiWorkerMirroredStrategy):
        return len(spread.extended.worker_devices)
    return spread.num_replicas_in_sync


@contextlib.contextmanager
def report_lost_worker(members: Cluster, model_dir: str) -> Iterator[None]:
    """Turns what TensorFlow raises when a worker is gone into a ConnectionError that says so.

    It takes seconds where the other process died, and as long as TensorFlow waits for a sign of
    life where it hangs or the network is cut.
    """
    try:
        yield
    except tf.errors.UnavailableError as error:
        if not members.has_peers:
            raise
        raise ConnectionError(
            f"Worker {members.index} has lost another one of {', '.join(members.addresses)}; see "
            "the last output of that one. Start all of them again with the same commands: training "
            f"goes on from the last checkpoint in {model_dir}"
        ) from error
