"""Which workers there are, how images are shared out, and a run of two that loses one."""

import contextlib
import copy
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from official.core import task_factory

from rbc_tf.detection.garden import (
    checkpoints,
    configs,
    experiments,
    parameters,
    records,
    train,
    workers,
)
from tests import builders, tiny_detector

_ROOT = pathlib.Path(__file__).parents[3]
_HOSTS = "a.lab:2222,b.lab:2222,[fe80::1]:2222"
_STEPS = 6
# It takes seconds, but other tests may hold the processor.
_PATIENCE_SECONDS = 900


def _runtime(**settings) -> configs.RuntimeConfig:
    return configs.RuntimeConfig(**settings)


def _tf_config(monkeypatch, cluster, task) -> None:
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))


def test_without_settings_there_is_one_worker():
    alone = workers.cluster(_runtime())
    assert (alone.addresses, alone.index) == ((), 0)
    assert alone.is_chief
    assert not alone.has_peers


@pytest.mark.parametrize("index", [0, 1, 2])
def test_workers_named_by_settings(index):
    named = workers.cluster(_runtime(worker_hosts=_HOSTS, task_index=index))
    assert named.addresses == ("a.lab:2222", "b.lab:2222", "[fe80::1]:2222")
    assert named.index == index
    assert named.has_peers
    assert named.is_chief == (index == 0)


def test_a_single_host_needs_no_index():
    alone = workers.cluster(_runtime(worker_hosts="a.lab:2222"))
    assert (alone.index, alone.has_peers) == (0, False)


def test_workers_named_by_tf_config(monkeypatch):
    jobs = {"chief": ["a.lab:2222"], "worker": ["b.lab:2222", "c.lab:2222"]}
    _tf_config(monkeypatch, jobs, {"type": "worker", "index": 1})
    named = workers.cluster(_runtime())
    assert named.addresses == ("a.lab:2222", "b.lab:2222", "c.lab:2222")
    assert (named.index, named.is_chief) == (2, False)
    _tf_config(monkeypatch, jobs, {"type": "chief", "index": 0})
    assert workers.cluster(_runtime()).is_chief


def test_both_ways_may_say_the_same(monkeypatch):
    hosts = ["a.lab:2222", "b.lab:2222"]
    _tf_config(monkeypatch, {"worker": hosts}, {"type": "worker", "index": 1})
    runtime = _runtime(worker_hosts=",".join(hosts), task_index=1)
    assert workers.cluster(runtime).index == 1
    runtime.task_index = 0
    with pytest.raises(ValueError, match="must name the same workers"):
        workers.cluster(runtime)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"worker_hosts": _HOSTS}, "task_index must be from 0 to 2"),
        ({"worker_hosts": _HOSTS, "task_index": 3}, "task_index must be from 0 to 2.*Received: 3"),
        ({"task_index": 1}, "requires runtime.worker_hosts"),
        ({"worker_hosts": "a.lab,b.lab", "task_index": 0}, "distinct addresses host:port"),
        ({"worker_hosts": "a.lab:1,a.lab:1", "task_index": 0}, "distinct addresses host:port"),
        ({"worker_hosts": "a.lab:1, b.lab:1", "task_index": 0}, "distinct addresses host:port"),
        (
            {"worker_hosts": _HOSTS, "task_index": 0, "distribution_strategy": "one_device"},
            "must be multi_worker_mirrored with several workers",
        ),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        workers.cluster(_runtime(**settings))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "TF_CONFIG must be like"),
        ("[]", "TF_CONFIG must be like"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "TF_CONFIG must be like"),
        (
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
            "jobs 'chief' and 'worker' only",
        ),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
            "Received: 2 of 2 tasks 'worker'",
        ),
    ],
)
def test_wrong_tf_config(monkeypatch, text, message):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=message):
        workers.cluster(_runtime())


def test_a_batch_is_shared_equally():
    params = parameters.build(parameters.Sources(experiments.FPN))
    spread = tf.distribute.get_strategy()
    workers.check_batches(params, spread)

    class OnThree:
        num_replicas_in_sync = 3

    with pytest.raises(ValueError, match=r"train_data.*multiple of 3.*Received: 10"):
        workers.check_batches(params, OnThree())


def test_only_one_process_evaluates(monkeypatch, tmp_path):
    (tmp_path / "params.yaml").write_text(f"experiment: {experiments.FPN}\n")
    hosts = {"worker": ["a.lab:2222", "b.lab:2222"]}
    _tf_config(monkeypatch, hosts, {"type": "worker", "index": 1})
    with pytest.raises(ValueError, match="eval requires a single worker"):
        train.run(parameters.Sources(experiments.FPN), "eval", str(tmp_path))


def test_each_worker_needs_an_image(tmp_path):
    tiny_detector.write_records(tmp_path, train=2, validation=1)
    settings = {**_settings(), "runtime": {"worker_hosts": _HOSTS, "task_index": 2}}
    sources = parameters.Sources(
        experiments.FPN, params_override=json.dumps(settings), records_dir=str(tmp_path)
    )
    with pytest.raises(ValueError, match=r"3 workers\. Received: 2 images"):
        train.run(sources, "train", str(tmp_path / "run"))


_SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "num_shards", [pytest.param(1, marks=_SLOW), 2, pytest.param(4, marks=_SLOW)]
)
def test_training_images_are_shared_out_and_every_worker_evaluates_all(tmp_path, num_shards):
    """Fewer shards than workers, as many, and more."""
    images = [[], []]
    for split in ("train", "validation"):
        for shard in range(num_shards):
            greys = range(40 + shard, 120, num_shards)[: 4 // num_shards]
            name = f"{split}-{shard:05d}-of-{num_shards:05d}"
            tiny_detector.write_shard(tmp_path / name, [_grey(value) for value in greys])
    params = parameters.build(
        parameters.Sources(experiments.FPN, params_override=json.dumps(_settings()))
    )
    detection = task_factory.get_task(params.task)
    for worker in (0, 1):
        context = tf.distribute.InputContext(2, worker, num_replicas_in_sync=2)
        data = params.task.train_data
        data.input_path, data.seed = str(tmp_path / "train-*"), 5
        for batch, _ in detection.build_inputs(data, context).take(2):
            assert len(batch) == 1  # half of the batch of two
            images[worker].append(float(tf.reduce_mean(batch)))
        data = params.task.validation_data
        data.input_path = str(tmp_path / "validation-*")
        sizes = [len(batch) for batch, _ in detection.build_inputs(data, context)]
        assert sizes == [2, 2]
    # Two passes' worth of images, none of them twice.
    assert len(set(images[0] + images[1])) == 4


def test_no_device_is_left_without_an_image_to_evaluate(records_dir):
    params = parameters.build(
        parameters.Sources(
            experiments.FPN, params_override=json.dumps(_settings()), records_dir=records_dir
        )
    )
    records.apply(params, ("validation",))
    detection = task_factory.get_task(params.task)
    for devices, batch, expected in (
        (1, 2, [[0, 1], [2]]),
        (2, 2, [[0], [1], [2], [0]]),  # the second device gets the first image again
        (2, 4, [[0, 1], [2]]),
        (4, 4, [[0], [1], [2], [0]]),
        (2, 8, [[0, 1, 2], [0, 1, 2]]),
    ):
        params.task.validation_data.global_batch_size = batch
        context = tf.distribute.InputContext(num_replicas_in_sync=devices)
        data = detection.build_inputs(params.task.validation_data, context)
        ids = [labels["groundtruths"]["source_id"].numpy().tolist() for _, labels in data]
        assert ids == expected


def _grey(value: int) -> tuple[np.ndarray, np.ndarray]:
    side = tiny_detector.SIDE
    return np.full((side, side, 3), value, np.uint8), np.array([[0.2, 0.2, 0.5, 0.5]])


def _settings() -> dict:
    """Without anything random after the first weights: all images, boxes and anchors take part."""
    settings = copy.deepcopy(tiny_detector.SETTINGS)
    model = settings["task"]["model"]
    model["backbone"]["resnet"]["model_id"] = 10
    model["norm_activation"] = {"use_sync_bn": True}
    model["roi_generator"] = {"num_proposals": 50}
    model["roi_sampler"] = {"num_sampled_rois": 100, "foreground_fraction": 1.0}
    settings["task"]["train_data"].update(
        shuffle_buffer_size=1,
        parser={"max_num_instances": 50, "rpn_batch_size_per_im": 10_000, "rpn_fg_fraction": 1.0},
    )
    settings["trainer"].update(train_steps=_STEPS, validation_interval=_STEPS)
    return settings


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    """Two training images, one for each worker: every step is on the same two."""
    folder = tmp_path_factory.mktemp("records")
    tiny_detector.write_records(folder, train=2, validation=3)
    return str(folder)


@pytest.fixture(scope="module")
def interrupted(records_dir, tmp_path_factory):
    """Two workers of which the second is killed, and what there was when the first had ended."""
    folder = tmp_path_factory.mktemp("interrupted")
    model_dir = folder / "run"
    with _two_workers(records_dir, model_dir, folder) as (first, second):
        _wait_for(model_dir / "ckpt-1.index", first, second, logs=folder)
        second.kill()
        status = first.wait(timeout=_PATIENCE_SECONDS)
    at_the_end = folder / "at_the_end"
    shutil.copytree(model_dir, at_the_end)
    return at_the_end, status, (folder / "0.log").read_text()


@pytest.mark.slow
def test_a_worker_that_lost_another_says_so_and_ends(interrupted):
    at_the_end, status, said = interrupted
    assert status == 1
    assert "error: Worker 0 has lost another one of" in said
    assert "Start all of them again with the same commands" in said
    assert 1 <= _last_step(at_the_end) < _STEPS


@pytest.mark.slow
def test_two_restarted_workers_train_and_score_as_one_does(interrupted, records_dir, tmp_path):
    at_the_end, *_ = interrupted
    before = _last_step(at_the_end)
    two = tmp_path / "two"
    shutil.copytree(at_the_end, two)
    with _two_workers(records_dir, two, tmp_path) as started:
        for index, worker in enumerate(started):
            status = worker.wait(timeout=_PATIENCE_SECONDS)
            assert status == 0, (tmp_path / f"{index}.log").read_text()[-3000:]
    assert _last_step(two) == _STEPS

    one = tmp_path / "one"
    shutil.copytree(at_the_end, one)
    sources = parameters.Sources(
        experiments.FPN, params_override=json.dumps(_settings()), records_dir=records_dir
    )
    train.run(sources, "train", str(one))
    losses = {run: _losses(run / "train") for run in (one, two)}
    steps = range(before + 1, _STEPS + 1)
    assert [step for step in losses[one] if step > before] == list(steps)
    for step in steps:
        # Model Garden divides the loss of boxes by 0.01 and their number on a device; 1e-4 is
        # that 0.01 against the 100 numbers of some 25 boxes.
        assert losses[two][step] == pytest.approx(losses[one][step], rel=1e-4)

    best = json.loads((two / "best" / "info.json").read_text())
    alone = train.run(parameters.Sources(experiments.FPN), "eval", str(two))
    assert alone["AR"] > 0
    assert alone == pytest.approx({name: best[name] for name in alone}, abs=1e-6)


@contextlib.contextmanager
def _two_workers(records_dir, model_dir, log_dir):
    hosts = ",".join(f"localhost:{port}" for port in _free_ports(2))
    started = [_start(index, hosts, records_dir, model_dir, log_dir) for index in (0, 1)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def _free_ports(count: int) -> list[int]:
    """Ports that nobody else takes before the workers do, which import TensorFlow first.

    A free port that the system chooses will not do: it gives the next ones to whatever connects
    meanwhile, other tests included. Those below its range are taken by name only.
    """
    free = []
    for port in random.SystemRandom().sample(range(20_000, 32_000), 1_000):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("localhost", port))
            free.append(port)
        if len(free) == count:
            return free
    raise OSError(f"{count} free ports were required. Found: {free}")


def _start(index, hosts, records_dir, model_dir, log_dir) -> subprocess.Popen:
    command = [
        sys.executable,
        str(_ROOT / "tools" / "train_detector.py"),
        f"--experiment={experiments.FPN}",
        f"--params_override={json.dumps(_settings())}",
        f"--records_dir={records_dir}",
        f"--model_dir={model_dir}",
        f"--worker_hosts={hosts}",
        f"--task_index={index}",
    ]
    environment = os.environ | {"PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with (log_dir / f"{index}.log").open("w") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)


def _wait_for(path: pathlib.Path, *processes: subprocess.Popen, logs: pathlib.Path) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not path.is_file():
        assert time.monotonic() < end, f"{path} was not written"
        for index, process in enumerate(processes):
            ended = process.poll() is not None and not path.is_file()
            assert not ended, (
                f"worker {index} ended:\n{(logs / f'{index}.log').read_text()[-3000:]}"
            )
        time.sleep(0.05)


def _last_step(model_dir) -> int:
    return checkpoints.step(tf.train.latest_checkpoint(str(model_dir)))


def _losses(log_dir: pathlib.Path) -> dict[int, float]:
    """training_loss by step."""
    return {
        step: float(tf.make_ndarray(value.tensor))
        for step, value in builders.summaries(log_dir)
        if value.tag == "training_loss"
    }
