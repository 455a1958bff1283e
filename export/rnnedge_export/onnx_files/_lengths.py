"""Inputs of a file that say how long its sequences are, and those that only look so.

1. An integer without axes, or one for each sequence, that is called like a length; or any number that a recurrence
   reads as such, cast or in another shape.
2. One that an output gives back, larger by the frames of the call, is a state that counts them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from rnnedge_export.graph.cpu_session import session
from rnnedge_export.onnx_files._constants import declared_shape, dtype_of

_CALLED = ("len", "num_frames", "n_frames")
_COUNTS = ("cache", "state", "past", "prev")
_RECURRENT = ("RNN", "GRU", "LSTM")
_CAST = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")
_SIZES = (1, 16)


def is_length(port: onnx.ValueInfoProto, proto: onnx.ModelProto) -> bool:
    """Case 1, unless it is case 2."""
    name = port.name.lower()
    if len(declared_shape(port)) > 1 or any(word in name for word in _COUNTS):
        return False
    called = dtype_of(port).kind == "i" and any(word in name for word in _CALLED)
    return port.name in _read(proto) or (called and not counts(port, proto))


def open_inputs(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs that are no weights."""
    weights = {value.name for value in proto.graph.initializer}
    return [port for port in proto.graph.input if port.name not in weights]


def unread_inputs(proto: onnx.ModelProto) -> set[str]:
    """The inputs that no node reads and no output is."""
    read = {value.name for value in proto.graph.output}
    nodes = list(proto.graph.node)
    while nodes:
        node = nodes.pop()
        read.update(node.input)
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                nodes += graph.node
                read.update(value.name for value in graph.output)
    return {port.name for port in open_inputs(proto)} - read


def _read(proto: onnx.ModelProto) -> set[str]:
    """What recurrences read as the lengths of sequences, and what these were cast from."""
    made = {name: node for node in proto.graph.node for name in node.output}
    found = set[str]()
    for node in proto.graph.node:
        name = next(iter(node.input[4:5]), "") if node.op_type in _RECURRENT else ""
        while name in made and made[name].op_type in _CAST:
            name = made[name].input[0]
        found.add(name)
    return found


def counts(port: onnx.ValueInfoProto, proto: onnx.ModelProto) -> bool:
    """Case 2: an output of its kind grows with it, and beyond it.

    One with its name in its own may do so by any number, and if it does not run, the names say so. Another one does by
    more for more frames, where the file takes them: an encoder's padding makes lengths longer too.
    """
    kind = dtype_of(port), declared_shape(port)
    outputs = [out.name for out in proto.graph.output if (dtype_of(out), declared_shape(out)) == kind]
    named = {out.name for out in proto.graph.output if port.name.lower() in out.name.lower()}
    asked = [*named, *(name for name in outputs if name not in named)]
    steps = [step for size in _SIZES if asked and (step := _steps(port, proto, asked, size)) is not None]
    if not steps:
        return bool(named)
    first, last = steps[0], steps[-1]
    fixed = all(all(declared_shape(one)[1:]) for one in open_inputs(proto))
    return any(
        first[name] is not None and (name in named or fixed or first[name] < (last[name] or 0)) for name in asked
    )


def _steps(port: onnx.ValueInfoProto, proto: onnx.ModelProto, outputs: list[str], size: int) -> dict[str, Any] | None:
    """By how much each output is larger than the input, if it grows with it; None where the file does not run."""
    try:
        running = session(proto)
        few, more = (running.run(outputs, _zeros(proto, size) | _all(port, number)) for number in (1, 4))
    # onnxruntime has a type of its own for every way to fail.
    except Exception:
        return None
    grown = (bool(np.all(b - a == 3) and np.all(a > 1)) for a, b in zip(few, more, strict=True))
    return {name: float(a.flat[0]) if grows else None for name, a, grows in zip(outputs, few, grown, strict=True)}


def _zeros(proto: onnx.ModelProto, size: int) -> dict[str, Any]:
    """Every input; `size` where an axis other than the first has no size."""
    return {
        port.name: np.zeros([dim or (size if i else 1) for i, dim in enumerate(declared_shape(port))], dtype_of(port))
        for port in open_inputs(proto)
    }


def _all(port: onnx.ValueInfoProto, number: int) -> dict[str, Any]:
    return {port.name: np.full([dim or 1 for dim in declared_shape(port)], number, dtype_of(port))}
