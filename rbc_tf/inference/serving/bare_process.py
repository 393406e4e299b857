"""Asks an exported model that runs in a process of its own, with TensorFlow alone."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import numpy as np

from rbc_tf.inference.serving import bare_tensorflow


class BareProcess:
    """A running `bare_tensorflow`, with its model loaded.

    Attributes:
        load_seconds: time that it took to load the model.
        modules: top names of everything imported in it so far.
    """

    def __init__(self, process: subprocess.Popen, log: pathlib.Path):
        self._process, self._log = process, log
        self.load_seconds = self._listen()["load_seconds"]
        self.modules = set()

    def ask(
        self, signature: str, name: str, path: str | pathlib.Path, output: str | pathlib.Path
    ) -> dict[str, np.ndarray] | str:
        """The values by output, or the reason why there are none.

        Args:
            signature: of the model.
            name: of its input.
            path: an image file, or a `.npy` file of pixels.
            output: `.npz` file to write in between.

        Raises:
            ValueError: the process ended, with the last that it printed.
        """
        request = {"signature": signature, "input": name, "path": str(path), "output": str(output)}
        with contextlib.suppress(BrokenPipeError):  # `_listen` says why
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        reply = self._listen()
        if "error" in reply:
            return reply["error"]
        self.modules.update(reply["modules"])
        with np.load(output) as values:
            return dict(values)

    def _listen(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise ValueError(
                "The exported model cannot be run by TensorFlow alone. Its error: "
                f"{self._log.read_text(errors='replace')[-2000:]}"
            )
        return json.loads(line)


@contextlib.contextmanager
def start(model_dir: str | pathlib.Path) -> Iterator[BareProcess]:
    """Starts the process, which ends with the block.

    Raises ValueError where it cannot load the model, with its error.
    """
    # -P: the folder of the file is no place to import from.
    command = [sys.executable, "-P", bare_tensorflow.__file__, str(model_dir)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as scratch:
        log = pathlib.Path(scratch) / "log"
        with (
            log.open("w") as errors,
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
            ) as process,
        ):
            yield BareProcess(process, log)
