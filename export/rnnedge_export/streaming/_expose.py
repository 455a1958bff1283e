"""States of the graph become inputs and outputs of it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.symbolic_dims import grows, ratio
from rnnedge_export.streaming.facts import Carried, Held, constant, dims
from rnnedge_runtime.contract import Array, State
from rnnedge_runtime.errors import ModelRefused


def expose(graph: ir.Graph, carried: Carried, initial: float | Array, begin: ir.Node | None = None) -> State:
    """Make the state of a recurrence an input and an output; `begin` is the node that reads it, if not its own."""
    node = carried.node
    shape_of = _state_dims(carried)
    name = _unique(graph, carried.name)
    read = ir.Value(name=name, type=_type(carried), shape=ir.Shape(shape_of))
    if len(node.inputs) <= carried.read:
        node.resize_inputs(carried.read + 1)
    if begin is None:
        node.replace_input_with(carried.read, read)
    else:
        begin.replace_input_with(1, read)
        begin.outputs[0].shape = ir.Shape(shape_of)
    if len(node.outputs) <= carried.written:
        node.resize_outputs(carried.written + 1)
    written = node.outputs[carried.written]
    written.type, written.shape = _type(carried), ir.Shape(shape_of)
    return _state(graph, read, written, shape_of, initial, carried.warmup)


def add(graph: ir.Graph, held: Held) -> State:
    """Make the frames that a rule holds an input and an output."""
    held.value.name = _unique(graph, held.name)
    held.after.type, held.after.shape = held.value.type, ir.Shape(held.dims)
    return _state(graph, held.value, held.after, held.dims, held.initial, held.warmup)


def _state(
    graph: ir.Graph,
    read: ir.Value,
    written: ir.Value,
    shape_of: tuple[int | str, ...],
    initial: float | Array,
    warmup: int,
) -> State:
    name = str(read.name)
    graph.inputs.append(read)
    if written.is_graph_output():
        copy = ir.Node("", "Identity", [written])
        graph.append(copy)
        copy.outputs[0].type, copy.outputs[0].shape = written.type, written.shape
        written = copy.outputs[0]
    written.name = f"{name}_next"
    graph.outputs.append(written)
    axes = [i for i, d in enumerate(shape_of) if grows(d, "batch")]
    if len(axes) != 1 or any(grows(d, "time") for d in shape_of):
        raise ModelRefused(
            f"state {name!r}: expected a batch axis, found {list(shape_of)}; give every sequence its own state"
        )
    assert read.dtype is not None
    times = ratio("batch", shape_of[axes[0]])
    if times is None or times.denominator != 1:
        raise ModelRefused(f"state {name!r}: expected a multiple of the batch, found {shape_of[axes[0]]}")
    if isinstance(initial, float) and not math.isfinite(initial):
        # JSON has no number for it.
        initial = np.full([1] * len(shape_of), initial, read.dtype.numpy())
    plain = tuple(("batch" if times == 1 else f"{times}*batch") if i == axes[0] else d for i, d in enumerate(shape_of))
    return State(name, f"{name}_next", str(read.dtype.numpy()), plain, axes[0], initial, warmup)


def _state_dims(carried: Carried) -> tuple[int | str, ...]:
    node = carried.node
    if node.op_type == "Scan":
        return dims(node.inputs[carried.read])
    recurrent_weights = constant(node.inputs[2])
    assert recurrent_weights is not None
    batch = dims(node.inputs[0])[0 if node.attributes.get_int("layout", 0) else 1]
    return (1, batch, recurrent_weights.shape[2])


def _type(carried: Carried) -> ir.TensorType:
    """Of a scan the type that the body takes, whatever its frames are."""
    node = carried.node
    value = node.attributes["body"].as_graph().inputs[carried.read] if node.op_type == "Scan" else node.inputs[0]
    return ir.TensorType((value.dtype if value is not None else None) or ir.DataType.FLOAT)


def _unique(graph: ir.Graph, name: str) -> str:
    """`name`, or that with a number appended, of which neither the state before nor the one after a call is taken."""
    taken = _names(graph)
    numbered = (f"{name}#{count}" if count else name for count in itertools.count())
    return next(free for free in numbered if free not in taken and f"{free}_next" not in taken)


def _names(graph: ir.Graph) -> set[str | None]:
    inner = (value.name for node in graph.all_nodes() for value in node.outputs)
    return {value.name for value in (*graph.inputs, *graph.initializers.values())}.union(inner)
