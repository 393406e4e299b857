"""Loads a SavedModel and answers requests with TensorFlow alone; `bare_process` runs it.

    python -P bare_tensorflow.py MODEL_DIR

It imports nothing of rbc_tf. Every line of its input asks for one file: JSON with `signature`,
`input` (name of the input), `path` (an image file for input in bytes, a `.npy` file for one of
pixels) and `output` (the `.npz` file to write). To each it replies with a line of JSON: `error`,
or the names of the `modules` that are loaded. The first line it writes is of the loading.
"""

import json
import sys
import time

import numpy as np
import tensorflow as tf


def main(model_dir: str) -> None:
    start = time.perf_counter()
    model = tf.saved_model.load(model_dir)
    _say(load_seconds=time.perf_counter() - start)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = _ask(model.signatures[request["signature"]], request)
        except tf.errors.InvalidArgumentError as error:
            _say(error=error.message)
            continue
        np.savez(request["output"], **{name: value.numpy() for name, value in answer.items()})
        _say(modules=sorted({name.split(".")[0] for name in sys.modules}))


def _ask(signature, request: dict) -> dict:
    if request["path"].endswith(".npy"):
        value = tf.constant(np.load(request["path"])[None])
    else:
        value = tf.io.read_file(request["path"])[None]
    return signature(**{request["input"]: value})


def _say(**values) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
