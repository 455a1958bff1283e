"""Lengths that a file for whole sequences takes and gives: a stream has no padding, so they say nothing.

1. An input that says how long each sequence is (`_lengths.py`) becomes the length of the frames, for every sequence.
2. An output that follows from the sizes of the frames alone, such as the lengths of what an encoder gives, is left out.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rnnedge_export.onnx_files._constants import declared_shape
from rnnedge_export.onnx_files._lengths import is_length, open_inputs
from rnnedge_export.onnx_files.time_axis import TimeAxis

_SIZES = ("Shape", "Size")


def with_full_lengths(proto: onnx.ModelProto, time: TimeAxis, batch_axis: int | None) -> onnx.ModelProto:
    """A copy that takes and gives no lengths; `proto` itself if it has none."""
    ports = open_inputs(proto)
    lengths = [port for port in ports if port.name != time.input_name and is_length(port, proto)]
    frames = next((port for port in ports if port not in lengths and time.input_name in (None, port.name)), None)
    if frames is None or (not lengths and not _given(proto)):
        return proto
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    graph = copied.graph
    batch = int(time.axis == 0) if batch_axis is None else batch_axis
    nodes = [node for port in lengths for node in _written(port, frames.name)]
    kept, body = [port for port in graph.input if port not in lengths], list(graph.node)
    for field, entries in ((graph.input, kept), (graph.node, [*nodes, *body])):
        del field[:]
        field.extend(entries)
    if lengths:
        places: dict[str, list[int]] = {"time": [time.axis], "batch": [batch], "none": []}
        graph.initializer.extend(
            numpy_helper.from_array(np.array(place, np.int64), _place(name)) for name, place in places.items()
        )
        del graph.value_info[:]
    gone = _given(copied)
    kept = [port for port in graph.output if port.name not in gone]
    if kept:
        del graph.output[:]
        graph.output.extend(kept)
    return copied


def _written(port: onnx.ValueInfoProto, frames: str) -> list[onnx.NodeProto]:
    """Case 1, with operators of every opset."""
    name = port.name
    sizes, one, many, every = (f"rnnedge_{name}_{part}" for part in ("sizes", "one", "many", "every"))
    nodes = [
        helper.make_node("Shape", [frames], [sizes]),
        helper.make_node("Gather", [sizes, _place("time")], [one]),
        helper.make_node("Gather", [sizes, _place("batch")], [many]),
        helper.make_node("Tile", [one, many], [every]),
    ]
    shown = every
    if not declared_shape(port):
        shown = f"rnnedge_{name}_alone"
        nodes[2:] = [helper.make_node("Reshape", [one, _place("none")], [shown])]
    return [*nodes, helper.make_node("Cast", [shown], [name], to=port.type.tensor_type.elem_type)]


def _given(proto: onnx.ModelProto) -> set[str]:
    """Case 2: outputs that no path reaches from an input but through its sizes."""
    graph = proto.graph
    reached = {port.name for port in open_inputs(proto)}
    sized = set[str]()
    for node in graph.node:
        read = {*node.input, *_inner(node)}
        if read & reached and node.op_type not in _SIZES:
            reached.update(node.output)
        elif read & (sized | reached):
            sized.update(node.output)
    integer = (TensorProto.INT64, TensorProto.INT32)
    return {p.name for p in graph.output if p.name in sized - reached and p.type.tensor_type.elem_type in integer}


def _inner(node: onnx.NodeProto) -> set[str]:
    """What inner graphs read."""
    nodes = [inner for attribute in node.attribute for g in (attribute.g, *attribute.graphs) for inner in g.node]
    return {name for inner in nodes for name in {*inner.input, *_inner(inner)}}


def _place(name: str) -> str:
    return f"rnnedge_axis_of_{name}"
