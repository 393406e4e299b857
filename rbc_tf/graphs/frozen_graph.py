"""A graph with its weights as one file, and as a function that runs it.

The graph stays serialised from file to TensorFlow: parsed and serialised once more in Python, as
`tf.import_graph_def` does it, it takes longer to load than to run.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.framework import c_api_util

from rbc_tf.core import files, structured
from rbc_tf.graphs import operations

_LONGEST_HEADER = 2**20
# A serialised graph cannot be longer.
_MOST_BYTES = 2**31


@dataclasses.dataclass(frozen=True, eq=False)
class FrozenGraph:
    """What is kept.

    Attributes:
        serialised: a GraphDef.
        inputs: names of the tensors that are fed, in order.
        outputs: names of the tensors that are returned, by the name of the output.
    """

    serialised: bytes
    inputs: Sequence[str]
    outputs: Mapping[str, str]

    def save(self, path: str | pathlib.Path) -> None:
        """Writes one line of JSON, and the graph behind it."""
        header = {"inputs": list(self.inputs), "outputs": dict(self.outputs)}
        header["sha256"] = self._sha256()
        with files.atomic_path(path) as temporary, temporary.open("wb") as file:
            file.write(json.dumps(header).encode() + b"\n")
            file.write(self.serialised)

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "FrozenGraph":
        """Raises OSError where there is no file, ValueError where it is not as `save` writes it."""
        with structured.open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > _MOST_BYTES:
                raise ValueError(
                    f"{path} must hold at most {_MOST_BYTES:,} bytes. Received: {size:,}"
                )
            try:
                header = structured.parse_json(file.readline(_LONGEST_HEADER), path)
                found = cls(file.read(size), header["inputs"], header["outputs"])
                is_whole = found._sha256() == header["sha256"]
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path} holds no frozen graph: {error}") from error
        if not is_whole:
            raise ValueError(f"{path} is damaged: its sha256 is not the one that it was saved with")
        return found

    def _sha256(self) -> str:
        names = json.dumps([list(self.inputs), dict(self.outputs)], sort_keys=True)
        return files.sha256_of_bytes(names.encode(), self.serialised)


class FrozenFunction:
    """Arrays in, arrays by name out; may be called from several threads at once."""

    def __init__(self, frozen: FrozenGraph):
        """Raises ValueError or tf.errors.InvalidArgumentError where the graph is none.

        And OperationError where it does more than compute.
        """
        # The graph has been optimised: once is enough.
        options = config_pb2.ConfigProto()
        options.graph_options.rewrite_options.disable_meta_optimizer = True
        options.graph_options.optimizer_options.opt_level = config_pb2.OptimizerOptions.L0
        operations.check_functions(frozen.serialised, "a frozen network")
        graph = _import(frozen.serialised)
        operations.check((one.type for one in graph.get_operations()), "a frozen network")
        # A session, because its settings are its own: those of `tf.function` are the process's.
        session = tf.compat.v1.Session(graph=graph, config=options)
        self._names = sorted(frozen.outputs)
        self._run = session.make_callable(
            [frozen.outputs[name] for name in self._names], feed_list=list(frozen.inputs)
        )

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(self._names, self._run(*inputs), strict=True))


def _import(serialised: bytes) -> tf.Graph:
    """What `tf.import_graph_def` does, for a graph that is serialised already."""
    graph = tf.Graph()
    # Each of the two frees what it holds when it is gone.
    options = c_api_util.ScopedTFImportGraphDefOptions()
    buffer = pywrap_tf_session.TF_NewBufferFromString(serialised)
    try:
        with graph._mutation_lock(), graph._c_graph.get() as c_graph:
            c_api_util.ScopedTFImportGraphDefResults(
                pywrap_tf_session.TF_GraphImportGraphDefWithResults(
                    c_graph, buffer, options.options
                )
            )
    finally:
        pywrap_tf_session.TF_DeleteBuffer(buffer)
    graph._add_new_tf_operations(compute_devices=False)
    return graph
