"""What runs in the process of `onnx_files._trial`: limits for itself, then the graph of a foreign ONNX file.

Reads a line of JSON and the file from stdin, and writes lines of JSON; of the last one `result` says that it fits. The
graph is opened, so that onnxruntime computes what follows from its constants, and run for inputs of several sizes. That
it refuses the file, or an input, is no matter here: whoever asked is told the same. That it wants too much is.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from rnnedge_runtime.untrusted.child_limits import answers, lower

# The first axis of unknown size, and the others: batch and time, in either order.
_SIZES = ((1, 1), (2, 24), (24, 2), (2, 984), (984, 2))
# Numbers without axes are rates, lengths and switches.
_RATE = 16_000
_OUT_OF_MEMORY = ("alloc", "memory")


def main() -> None:
    """Open the graph and run it; ends the process."""
    say = answers()
    asked = json.loads(sys.stdin.buffer.readline())
    # Imported before the limits, which count from here.
    from rnnedge_runtime.engines.onnx_runtime import onnxruntime
    from rnnedge_runtime.engines.optimizers import leave_out

    data = sys.stdin.buffer.read()
    lower(asked["seconds"], asked["memory"])
    say(at="opened")
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 4, 1
        leave_out(options)
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        say(at="run")
        for feeds in _feeds(session.get_inputs()):
            _run(session, feeds)
    # onnxruntime has a type of its own for every way to fail.
    except Exception as error:
        say(result="too large" if _wants_memory(error) else "fits")
    else:
        say(result="fits")
    # Nothing here needs an orderly end.
    os._exit(0)


def _run(session: Any, feeds: Any) -> None:
    try:
        session.run(None, feeds)
    except Exception as error:
        if _wants_memory(error):
            raise


def _wants_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in _OUT_OF_MEMORY)


def _feeds(ports: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Inputs of several sizes, once where all are known: zeros, and a rate for a whole number without axes."""
    import numpy as np

    names = list(
        dict.fromkeys(_dim(d, i) for port in ports for i, d in enumerate(port.shape) if not isinstance(d, int))
    )
    for first, rest in _SIZES if names else _SIZES[:1]:
        sizes = {name: rest if k else first for k, name in enumerate(names)}
        feeds = {}
        for port in ports:
            shape = [d if isinstance(d, int) else sizes[_dim(d, i)] for i, d in enumerate(port.shape)]
            kind = port.type.removeprefix("tensor(").removesuffix(")")
            dtype = np.dtype({"float": "float32", "double": "float64"}.get(kind, kind))
            feeds[port.name] = np.full(shape, 0 if shape or dtype.kind not in "iu" else _RATE, dtype)
        yield feeds


def _dim(name: str | None, axis: int) -> str:
    """What an axis is called; by its place where the file does not say."""
    return name or f"axis {axis}"
