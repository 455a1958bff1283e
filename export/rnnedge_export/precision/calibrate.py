"""Ranges of values as they are while a stream runs: state-aware calibration.

The float32 graph is run by the real runtime over whole recordings, each from a reset as on a device, its states carried
from call to call, so that a hidden state is seen as it is after a minute and not only in isolated windows.

1. What is watched keeps its own largest negative and positive value as one more state of the graph, also within the
   body of a Scan. Nothing else is added to the file's ports.
2. Frames that stand before frame 0 do not count: such states have the warm-up of the file.
3. A range is widened by `_MARGIN`, and never beyond what the graph proves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.precision.bounds import Range, bounds_of
from rnnedge_export.precision.layers import product_of, weights_of
from rnnedge_export.recordings import Recording, stream_recording
from rnnedge_export.stamp import stamp
from rnnedge_runtime.contract import Array, Contract, State
from rnnedge_runtime.loader import load_bytes

_MARGIN = 1.25
_NOTHING = -3e38


def observe(
    model: ir.Model, contract: Contract, recordings: Sequence[Recording], contexts: Sequence[Mapping[str, Array]] = ()
) -> dict[str, Range]:
    """The range of the left side of every product of `model`, by the name of the value.

    `recordings`: each (time, ...) by input name, streamed from a reset; with the context of the example, and once more
    with each of the `contexts`.
    """
    names, seen = seen_ranges(model, contract, _left_sides, recordings, contexts)
    proven = bounds_of(model, contract.states) if names else {}
    limits = {str(value.name): range_ for value, range_ in proven.items()}
    return {name: _within(row, limits.get(name)) for name, row in zip(names, seen, strict=True)}


def seen_ranges(
    model: ir.Model,
    contract: Contract,
    values_of: Callable[[ir.Model], Sequence[ir.Value]],
    recordings: Sequence[Recording],
    contexts: Sequence[Mapping[str, Array]] = (),
) -> tuple[list[str], Array]:
    """Names of the values that `values_of` finds, and the largest of -x and of x of each, (values, 2).

    Those of the main graph first: a Scan whose body is watched becomes another node, with outputs of its own.
    """
    watched = model.clone()
    values = sorted(values_of(watched), key=lambda value: _graph_of(value) is not watched.graph)
    names = [str(value.name) for value in values]
    seen = np.full((len(values), 2), _NOTHING)
    if not values:
        return names, seen
    states = tuple(_watch(watched, value, contract.warmup) for value in values)
    wider = replace(contract, states=(*contract.states, *states), golden=None)
    stream = load_bytes(stamp(watched, wider), "calibration", trust="local").stream()
    for context in ({}, *contexts):
        stream.set_context(context)
        for recording in recordings:
            stream.reset()
            stream_recording(stream, recording)
            held = stream.states
            seen = np.maximum(seen, [held[state.input][0] for state in states])
    return names, seen


def _left_sides(model: ir.Model) -> list[ir.Value]:
    found: dict[ir.Value, None] = {}
    for weight in weights_of(model):
        for node in weight.nodes:
            product = product_of(node, weight.value)
            if product is not None:
                found[product.x] = None
    return list(found)


def _within(seen: Array, proven: Range | None) -> Range:
    low, high = -float(seen[0]) * _MARGIN, float(seen[1]) * _MARGIN
    return (low, high) if proven is None else (max(low, proven[0]), min(high, proven[1]))


def _watch(model: ir.Model, value: ir.Value, warmup: int) -> State:
    """Case 1: the state (1, 2) of one value: the largest of -x and of x so far."""
    builder = GraphBuilder(model)
    name = builder.fresh(f"range of {value.name}")
    before = _port(name)
    model.graph.inputs.append(before)
    graph = _graph_of(value)
    if graph is model.graph or (value.is_graph_input() and value in model.graph.inputs):
        after = _largest(builder, value, before)
        _place(model.graph, value, builder)
    else:
        assert isinstance(graph, ir.Graph)
        after = _through_scan(builder, model, graph, value, before)
    after.name = builder.fresh(f"{name} after")
    after.type, after.shape = before.type, before.shape
    model.graph.outputs.append(after)
    return State(name, after.name, "float32", ("batch", 2), 0, _NOTHING, warmup)


def _graph_of(value: ir.Value) -> object:
    return value.graph if value.graph is not None else value.producer().graph  # type: ignore[union-attr]


def _port(name: str) -> ir.Value:
    return ir.Value(name=name, shape=ir.Shape(["batch", 2]), type=ir.TensorType(ir.DataType.FLOAT))


def _largest(builder: GraphBuilder, value: ir.Value, before: ir.Value) -> ir.Value:
    ends = [builder.op("ReduceMax", v, keepdims=0) for v in (builder.op("Neg", value), value)]
    pair = builder.op("Concat", *(builder.op("Reshape", end, builder.ints(1, 1)) for end in ends), axis=1)
    return builder.op("Max", before, pair)


def _place(graph: ir.Graph, value: ir.Value, builder: GraphBuilder) -> None:
    producer = value.producer()
    if producer is None:
        graph.insert_before(graph[0], builder.take())
    else:
        graph.insert_after(producer, builder.take())


def _through_scan(
    builder: GraphBuilder, model: ir.Model, body: ir.Graph, value: ir.Value, before: ir.Value
) -> ir.Value:
    """The same inside the body of a Scan of the main graph: one more loop-carried state."""
    scan = next(n for n in model.graph if n.op_type == "Scan" and n.attributes["body"].as_graph() is body)
    scanned = scan.attributes.get_int("num_scan_inputs", 0)
    count = len(scan.inputs) - scanned
    inner = _port(builder.fresh("range"))
    body.inputs.insert(count, inner)
    after = _largest(builder, value, inner)
    after.type, after.shape = inner.type, inner.shape
    _place(body, value, builder)
    body.outputs.insert(count, after)
    inputs = [*scan.inputs[:count], before, *scan.inputs[count:]]
    wider = ir.Node("", "Scan", inputs, scan.attributes.values(), num_outputs=len(scan.outputs) + 1, name=scan.name)
    for index, old in enumerate(scan.outputs):
        new = wider.outputs[index + (index >= count)]
        new.name, new.type, new.shape = old.name, old.type, old.shape
        ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
    model.graph.insert_before(scan, wider)
    model.graph.remove(scan, safe=True)
    return wider.outputs[count]
