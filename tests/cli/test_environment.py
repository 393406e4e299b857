"""Commands in processes of their own, with something around them that is not as usual."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from rbc_tf.classification.classifier import Classifier
from rbc_tf.core import image_io
from rbc_tf.core.cell_types import PAPER
from rbc_tf.inference import analyze
from tests import builders, tiny_bundle

_ROOT = pathlib.Path(__file__).parents[2]
_CHECK = [sys.executable, "-m", "rbc_tf", "check-dataset"]

# Prints the settings of Keras as a command that computes with it finds them.
_KERAS = """
from rbc_tf.cli import environment
environment.settle_backend({any_backend})
from rbc_tf.core.keras_settings import keras
print(keras.backend.backend(), keras.backend.floatx(), keras.backend.epsilon(),
      keras.backend.image_data_format())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "zellen-é"
    mask = builders.discs(40, 60, (20, 20, 8))
    images = {"né": builders.grey_image(40, 60)}
    return builders.write_dataset(root, images, masks={"né": mask}, cells=[("né", 20, 20, "Oval")])


def _run(command, environment=(), **options):
    variables = {**os.environ, "PYTHONPATH": str(_ROOT), **dict(environment)}
    variables = {name: value for name, value in variables.items() if value is not None}
    return subprocess.run(
        command, env=variables, capture_output=True, text=True, check=False, **options
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"HOME": None, "XDG_CACHE_HOME": None},
        {"HOME": "/nowhere"},
        {"KERAS_BACKEND": "jax"},
        {"PYTHONOPTIMIZE": "2"},
    ],
    ids=lambda variables: ",".join(f"{k}={v}" for k, v in variables.items()),
)
def test_a_dataset_is_checked_whatever_the_environment(folder, environment):
    ended = _run([*_CHECK, f"--dataset_dir={folder}"], environment, cwd="/")
    assert ended.returncode == 0, ended.stderr
    assert "examples: 1" in ended.stdout


# Loaded by Python before anything else: whoever asks for the network gets none.
_NO_NETWORK = """
import pathlib, socket
pathlib.Path(__file__).with_name("loaded").touch()
def _refuse(*arguments, **options):
    raise OSError("no network")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = _refuse
"""


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """A folder with a bundle, an image in `in`, and in `usual` what is found in it."""
    folder = tmp_path_factory.mktemp("usual")
    bundle = tiny_bundle.write(folder)
    image_io.write_png(folder / "in" / "a.png", tiny_bundle.image(9))
    analyze.analyze(bundle, folder / "in", folder / "usual")
    return folder


def _analyze(usual, output, environment, **options):
    folders = [f"--bundle={usual / 'bundle'}", f"--input={usual / 'in'}"]
    command = [sys.executable, "-m", "rbc_tf", "analyze", *folders, f"--output_dir={output}"]
    ended = _run(command, environment, **options)
    assert ended.returncode == 0, ended.stderr
    found = _regions(output)
    assert len(found) == 1 + 9
    assert found == _regions(usual / "usual")


def test_images_are_analysed_without_network_home_or_stdin(usual, tmp_path):
    """The installed package is only read, so that it may lie where nothing can be written."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_NO_NETWORK)
    before = _files(_ROOT / "rbc_tf")
    _analyze(
        usual,
        tmp_path / "bare",
        {
            "HOME": "/dev/null",  # a file, so that nothing can be made below it
            "XDG_CACHE_HOME": None,
            "RBC_TF_CACHE_DIR": None,
            "PYTHONPATH": f"{tmp_path / 'site'}:{_ROOT}",
        },
        stdin=subprocess.DEVNULL,
        cwd="/",
    )
    assert (tmp_path / "site" / "loaded").exists()
    assert (tmp_path / "bare" / "report.html").is_file()
    assert _files(_ROOT / "rbc_tf") == before


def test_images_are_analysed_alike_whatever_keras_is_set_to(usual, tmp_path):
    settings = '{"backend": "theano", "floatx": "float16", "image_data_format": "channels_first"}'
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(settings)
    environment = {"HOME": str(tmp_path), "KERAS_HOME": None, "KERAS_BACKEND": "jax"}
    # No network is kept from an earlier run, which would need no Keras.
    _analyze(usual, tmp_path / "out", environment | {"RBC_TF_CACHE_DIR": ""})


def _regions(folder):
    return (folder / "regions.csv").read_text().splitlines()


def _files(folder):
    """{file: (size, time of its last change)}, but for the bytecode of Python."""
    return {
        path: (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_make_no_difference(folder, tmp_path, closed):
    exported = _export(folder, tmp_path / "open", "")
    assert _export(folder, tmp_path / "closed", closed) == exported


def _export(folder, output, streams):
    line = (
        f"'{sys.executable}' -m rbc_tf export-annotations --dataset_dir='{folder}' "
        f"--format=coco --output_dir='{output}' {streams}"
    )
    assert _run(["bash", "-c", line], cwd="/").returncode == 0
    return (output / "coco.json").read_bytes()


def _keras_in(home, backend="", any_backend=False):
    environment = {"HOME": str(home), "KERAS_HOME": None, "KERAS_BACKEND": backend or None}
    return _run([sys.executable, "-c", _KERAS.format(any_backend=any_backend)], environment)


@pytest.mark.parametrize(
    "settings",
    [
        '{"backend": "jax", "floatx": "float16", "image_data_format": "channels_first"}',
        "{damaged",
    ],
)
@pytest.mark.slow
def test_keras_json_makes_no_difference(tmp_path, settings):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(settings)
    assert _keras_in(tmp_path).stdout == "tensorflow float32 1e-07 channels_last\n"


def test_a_keras_json_that_is_no_mapping_is_named(tmp_path):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text("[1]")
    last = _keras_in(tmp_path).stderr.splitlines()[-1]
    assert "Keras cannot be loaded" in last
    assert "keras.json in the folder .keras" in last


@pytest.mark.slow
def test_keras_json_makes_no_difference_to_a_training(tmp_path):
    (tmp_path / "home" / ".keras").mkdir(parents=True)
    settings = '{"backend": "jax", "floatx": "float16", "image_data_format": "channels_first"}'
    (tmp_path / "home" / ".keras" / "keras.json").write_text(settings)
    (tmp_path / "bare").mkdir()
    features = np.random.default_rng(0).normal(size=(120, 6))
    table = builders.feature_table(
        features,
        features[:, :6] > 0,
        groups=builders.slides(120, 12),
        splits=np.where(np.arange(120) < 80, "train", "validation"),
    )
    builders.write_features(tmp_path / "features", table, PAPER)
    bare, set_otherwise = (_heads_trained(tmp_path, home) for home in ("bare", "home"))
    assert len(bare) >= 2
    assert {value.dtype for value in bare} == {np.dtype(np.float32)}
    for value, other in zip(bare, set_otherwise, strict=True):
        np.testing.assert_array_equal(value, other)


def _heads_trained(folder, home):
    """The weights that train-classifier finds with a home."""
    output = folder / f"classifier_{home}"
    settings = "{heads: {max_epochs: 3, hidden_units: 4}, folds: {num_folds: 3}}"
    ended = _run(
        [
            *(sys.executable, "-m", "rbc_tf", "train-classifier"),
            f"--features_dir={folder / 'features'}",
            f"--output_dir={output}",
            f"--params_override={settings}",
        ],
        {"HOME": str(folder / home), "KERAS_HOME": None, "KERAS_BACKEND": None},
        cwd="/",
    )
    assert ended.returncode == 0, ended.stderr
    return Classifier.load(output).heads.get_weights()


def test_a_backend_is_chosen_only_where_any_will_do(tmp_path):
    assert _keras_in(tmp_path, "torch").stdout.startswith("tensorflow")
    ended = _keras_in(tmp_path, "theano", any_backend=True)
    assert "Keras cannot be loaded" in ended.stderr.splitlines()[-1]
    assert "KERAS_BACKEND (theano)" in ended.stderr.splitlines()[-1]
