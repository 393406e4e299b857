"""`rbc_tf analyze SMEARS`: what stands without a name, and where results go."""

import pathlib
import subprocess
import sys

import pytest

from rbc_tf.core import image_io
from tests import builders, tiny_bundle

_ROOT = pathlib.Path(__file__).parents[2]


def _analyze(*arguments, cwd):
    command = [sys.executable, "-m", "rbc_tf", "analyze", *arguments]
    # From elsewhere; the module is found where the tests are.
    environment = {"PYTHONPATH": str(_ROOT), "PATH": "", "HOME": str(cwd)}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_a_folder_alone_is_enough(tmp_path):
    bundle = tiny_bundle.write(tmp_path / "parts")
    image_io.write_png(tmp_path / "mine" / "patient.01" / "a.png", tiny_bundle.image(3))
    (tmp_path / "latest").symlink_to(tmp_path / "mine" / "patient.01")
    # Named as what was given, not as what a link leads to.
    for given, name in (("mine/patient.01", "patient.01"), ("latest", "latest")):
        ended = _analyze(given, f"--bundle_dir={bundle.path}", "--light=none", cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert f"results: {name}_results" in ended.stdout
        assert (tmp_path / f"{name}_results" / "report.html").is_file()
        assert builders.read_json(tmp_path / f"{name}_results" / "run.json")["light"] == "none"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--input must be given"),
        (("a", "--input=b"), "--input was given, and a besides"),
        (("a", "b"), "Unknown arguments: b"),
    ],
)
def test_what_cannot_be_meant_is_one_message(tmp_path, arguments, message):
    ended = _analyze(*arguments, cwd=tmp_path)
    assert ended.returncode == 1
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []
