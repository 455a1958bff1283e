"""An ONNX Scan as a straight line: its body T times, once in the step form.

Source: ONNX operator specification, Scan, opset 11 and later.

1. Any scan axis, negative ones too, and any direction, for inputs and outputs.
2. Values and nodes of each copy get fresh names. Constants of the body, initializers or Constant nodes, become
   initializers of the main graph, once for all copies.
3. A body may return an input or a constant unchanged, as a state or as an output.
4. The number of frames is enforced: Split and Squeeze fail on any other.
5. With `last_frame` the final states are those after that frame. An input or output scanned backwards is then refused:
   iteration t would not be frame t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from rnnedge_export.forms.attributes import static_dim
from rnnedge_export.graph.builder import GraphBuilder, constant, replace, subgraphs
from rnnedge_runtime.errors import ModelRefused


@dataclass(frozen=True)
class Track:
    """One scanned input or output: the axis that holds the frames, and whether they go backwards."""

    value: ir.Value
    axis: int
    backwards: bool


@dataclass(frozen=True)
class Scan:
    """One Scan node, read: `states` are the initial values, `outputs` the stacked values in node order."""

    name: str
    body: ir.Graph
    states: tuple[ir.Value, ...]
    inputs: tuple[Track, ...]
    outputs: tuple[Track, ...]

    @property
    def length(self) -> int | None:
        """The number of frames, where the graph states it."""
        return next((n for track in self.inputs if (n := static_dim(track.value, track.axis)) is not None), None)


def is_scan(node: ir.Node) -> bool:
    """Whether `node` is an ONNX Scan."""
    return node.op_type == "Scan" and node.domain == ""


def read_scan(node: ir.Node) -> Scan:
    """Describe the Scan node."""
    values = [value for value in node.inputs if value is not None]
    scanned = node.attributes.get_int("num_scan_inputs", 0)
    count = len(values) - scanned
    inputs = _tracks(node, "input", values[count:])
    outputs = _tracks(node, "output", list(node.outputs)[count:])
    body = node.attributes["body"].as_graph()
    return Scan(node.name or "Scan", body, tuple(values[:count]), inputs, outputs)


def inline(node: ir.Node, builder: GraphBuilder, length: int, last_frame: ir.Value | None = None) -> None:
    """Put `length` copies of its body in the place of the Scan `node`."""
    scan = read_scan(node)
    if last_frame is not None and any(track.backwards for track in (*scan.inputs, *scan.outputs)):
        raise ModelRefused(f"{scan.name}: scanned backwards in a padded chunk; expected every scan direction forward")
    _lift_constants(scan.body, builder)
    frames = [_cut(builder, track, length) for track in scan.inputs]
    states = list(scan.states)
    history: list[list[ir.Value]] = []
    rows: list[list[ir.Value]] = []
    for t in range(length):
        results = _copy(scan.body, builder, [*states, *(frame[t] for frame in frames)])
        states = results[: len(states)]
        history.append(states)
        rows.append(results[len(states) :])
    if last_frame is not None:
        states = [_at(builder, list(values), last_frame) for values in zip(*history, strict=True)]
    stacks = [_stack(builder, track, [row[k] for row in rows]) for k, track in enumerate(scan.outputs)]
    replace(node, builder, [*states, *stacks])


def _tracks(node: ir.Node, side: str, values: Sequence[ir.Value]) -> tuple[Track, ...]:
    axes = node.attributes.get_ints(f"scan_{side}_axes", ()) or [0] * len(values)
    orders = node.attributes.get_ints(f"scan_{side}_directions", ()) or [0] * len(values)
    return tuple(Track(value, axis, bool(order)) for value, axis, order in zip(values, axes, orders, strict=True))


def _lift_constants(graph: ir.Graph, builder: GraphBuilder) -> None:
    """Case 2, for a body and the bodies inside it; a constant that a body returns is left where it is."""
    for value in list(graph.initializers.values()):
        if _lift(value, builder):
            del graph.initializers[str(value.name)]
    for node in list(graph):
        if node.op_type == "Constant" and node.domain == "" and _lift(node.outputs[0], builder):
            graph.remove(node, safe=True)
        for inner in subgraphs(node):
            _lift_constants(inner, builder)


def _lift(value: ir.Value, builder: GraphBuilder) -> bool:
    """Let every node read the main graph's constant; whether nobody needs `value` any more."""
    array = constant(value)
    if array is None:
        return False
    _read_instead(value, builder.const(array))
    return not value.is_graph_output()


def _read_instead(value: ir.Value, other: ir.Value) -> None:
    for node, index in list(value.uses()):
        node.replace_input_with(index, other)


def _cut(builder: GraphBuilder, track: Track, length: int) -> list[ir.Value]:
    """The frames of a scanned input, in the order of the iterations."""
    parts = [track.value]
    if length > 1:
        parts = builder.ops("Split", track.value, builder.ints(*[1] * length), outputs=length, axis=track.axis)
    frames = [builder.op("Squeeze", part, builder.ints(track.axis)) for part in parts]
    return frames[::-1] if track.backwards else frames


def _stack(builder: GraphBuilder, track: Track, rows: list[ir.Value]) -> ir.Value:
    """The inverse of `_cut`, for an output."""
    parts = [builder.op("Unsqueeze", row, builder.ints(track.axis)) for row in rows]
    if track.backwards:
        parts.reverse()
    return parts[0] if len(parts) == 1 else builder.op("Concat", *parts, axis=track.axis)


def _at(builder: GraphBuilder, states: list[ir.Value], last_frame: ir.Value) -> ir.Value:
    if len(states) == 1:
        return states[0]
    stacked = [builder.op("Unsqueeze", state, builder.ints(0)) for state in states]
    return builder.op("Gather", builder.op("Concat", *stacked, axis=0), last_frame, axis=0)


def _copy(body: ir.Graph, builder: GraphBuilder, inputs: Sequence[ir.Value]) -> list[ir.Value]:
    """Record one copy of `body` that reads `inputs`, and return its results."""
    copy = body.clone(allow_outer_scope_values=True)
    actual = dict(zip(copy.inputs, inputs, strict=True))
    arrays = {value: constant(value) for value in copy.initializers.values()}
    actual |= {value: builder.const(array) for value, array in arrays.items() if array is not None}
    for formal, value in actual.items():
        _read_instead(formal, value)
    results = [actual.get(value, value) for value in copy.outputs]
    copy.outputs.clear()
    nodes = list(copy)
    copy.remove(nodes)
    for node in nodes:
        builder.add(node, node.outputs[0].name or "")
    return results
