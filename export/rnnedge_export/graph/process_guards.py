"""Nodes in front of those over which onnxruntime 1.32 ends the process, so that they are an error of the run.

They matter where a graph is run for lengths that it may not take: a sequence that is shorter than what is cut off
leaves no frame. What a graph computes stays the same.

1. Recurrent nodes that get no frame: a `Reshape` to their own shape, whose last size onnxruntime computes from the
   number of elements, which is an error where another size is 0.
2. `InstanceNormalization` reads the first number of every channel: the same, with the batch as the computed size.

The strict loader has its own (`untrusted/_guards.py` of the runtime), of more operators.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

_RECURRENT = ("GRU", "LSTM", "RNN")
_NORMALIZED = "InstanceNormalization"
_DOMAINS = ("", "ai.onnx")
_NAME = "rnnedge_process_guard_"
# More axes than any tensor has: a Slice ends where there is nothing more.
_MOST_AXES = 1 << 16


def guarded(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with guards, or `proto` itself where no node needs one."""
    if not any(_needs_one(node) for graph in _graphs(proto.graph) for node in graph.node):
        return proto
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    count = 0
    for graph in _graphs(copy.graph):
        nodes = list(graph.node)
        del graph.node[:]
        for node in nodes:
            if _needs_one(node):
                count += 1
                graph.node.extend(_guards(node, f"{_NAME}{count}"))
            graph.node.append(node)
    return copy


def _needs_one(node: onnx.NodeProto) -> bool:
    return node.domain in _DOMAINS and len(node.input) > 0 and node.op_type in (*_RECURRENT, _NORMALIZED)


def _guards(node: onnx.NodeProto, name: str) -> list[onnx.NodeProto]:
    """The nodes in front of `node`, which reads their last output from now on."""
    given, shape = node.input[0], f"{name}_shape"
    node.input[0] = name
    reshaped = helper.make_node("Reshape", [given, shape], [name])
    if node.op_type in _RECURRENT:
        # X is (time, batch, inputs), or (batch, time, inputs).
        return [_constant(shape, [0, 0, -1]), reshaped]
    sizes, begin, end, rest, first = (f"{name}_{part}" for part in ("sizes", "begin", "end", "rest", "first"))
    return [
        helper.make_node("Shape", [given], [sizes]),
        _constant(begin, [1]),
        _constant(end, [_MOST_AXES]),
        helper.make_node("Slice", [sizes, begin, end], [rest]),
        _constant(first, [-1]),
        helper.make_node("Concat", [first, rest], [shape], axis=0),
        reshaped,
    ]


def _constant(name: str, numbers: list[int]) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(numbers, np.int64)))


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """It, and those inside of its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _graphs(inner)
