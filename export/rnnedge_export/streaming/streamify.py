"""Offline graph -> streaming graph: every recurrence has its state explicit, in and out.

1. Walk the nodes in order and follow the time axis as a `Fact` per value, by the rule of each operator.
2. An operator without a rule is refused. The length of the sequence may shape a value, never enter it.
3. Every carried state becomes a graph input and a graph output, its initial value part of the contract.
4. What only served the initial states or the length is removed.

Stateless operators need no change: they compute the same on a part of the sequence as on the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir

from rnnedge_export.streaming import elementwise, matmul, normalization, recurrent, shape
from rnnedge_export.streaming.facts import Carried, Fact, Facts, constant, rank
from rnnedge_export.streaming.initial import initial_values
from rnnedge_export.streaming.registry import rule_for
from rnnedge_runtime.contract import Array, Port, State
from rnnedge_runtime.errors import ModelRefused

_FAMILIES = (elementwise, matmul, normalization, recurrent, shape)
_LENGTH_OPERATORS = {"Add", "Cast", "Concat", "Div", "Gather", "Identity", "Max", "Min", "Mul", "Slice", "Squeeze",
                     "Sub", "Unsqueeze", "Reshape"}  # fmt: skip
_SHAPED = {"ConstantOfShape", "Expand", "Reshape"}


@dataclass(frozen=True)
class Streaming:
    """A streaming graph and its ports; states follow the ports in the graph's own inputs and outputs."""

    model: ir.Model
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[State, ...]

    @property
    def last_frame(self) -> ir.Value | None:
        """The scalar index of the last frame of a call, where a summary needs it."""
        return self.model.graph.initializers.get(shape.LAST_FRAME)


def streamify(model: ir.Model, batch_axis: int, time_axis: int, places: Mapping[str, str]) -> Streaming:
    """Make the state of `model` explicit, in place. `places` names the module of each node, for messages.

    Raises `ModelRefused` naming the layer, the reason and the remedy where the network cannot stream.
    """
    graph = model.graph
    (x,) = graph.inputs
    facts = Facts(places)
    facts.known[x] = Fact(time_axis)
    for node in list(graph):
        _follow(node, facts)
    outputs = tuple(_output_port(value, facts) for value in graph.outputs)
    initial = initial_values(model, facts.carried, facts)
    states = tuple(_expose(graph, state, value) for state, value in zip(facts.carried, initial, strict=True))
    ir.passes.common.RemoveUnusedNodesPass()(model)
    inputs = (Port(str(x.name), _dtype(x), _dims(x), batch_axis, time_axis),)
    return Streaming(model, inputs, outputs, states)


def _follow(node: ir.Node, facts: Facts) -> None:
    if node.op_type == "Shape" and node.domain == "":
        fact = facts.of(node.inputs[0])
        if fact is not None and fact.axis is not None:
            end = node.attributes.get_int("end", rank(node.inputs[0]))
            first = node.attributes.get_int("start", 0) % (rank(node.inputs[0]) + 1)
            if first <= fact.axis < (end if end >= 0 else end + rank(node.inputs[0])):
                facts.lengths.update(node.outputs)
        return
    streamed = facts.streamed(node)
    if any(value in facts.lengths for value in node.inputs if value is not None):
        if not streamed and node.op_type in _LENGTH_OPERATORS:
            facts.lengths.update(node.outputs)
            return
        if node.op_type not in _SHAPED:
            facts.refuse(
                node, "it computes with the length of the sequence", "leave lengths and masks to the training loop"
            )
    if not streamed:
        return
    rule = rule_for(node.op_type) if node.domain == "" else None
    if rule is None:
        facts.refuse(
            node,
            "this operator has no streaming rule yet",
            "networks may have recurrences with frame-wise layers around them",
        )
    found = rule(node, facts)
    each = (found,) * len(node.outputs) if isinstance(found, Fact) else found
    facts.known.update(zip(node.outputs, each, strict=True))


def _output_port(value: ir.Value, facts: Facts) -> Port:
    fact = facts.of(value)
    dims = _dims(value)
    if fact is None:
        raise ModelRefused(f"output {value.name!r} does not depend on the input; leave it out of forward's result")
    if "batch" not in dims:
        raise ModelRefused(f"output {value.name!r}: expected a batch axis, found shape {list(dims)}; keep the batch")
    return Port(str(value.name), _dtype(value), dims, dims.index("batch"), fact.axis, per_frame=not fact.summary)


def _expose(graph: ir.Graph, carried: Carried, initial: float | Array) -> State:
    node = carried.node
    dims = _state_dims(carried)
    name = _unique(graph, carried.name)
    read = ir.Value(name=name, type=_type(node), shape=ir.Shape(dims))
    if len(node.inputs) <= carried.read:
        node.resize_inputs(carried.read + 1)
    node.replace_input_with(carried.read, read)
    graph.inputs.append(read)
    if len(node.outputs) <= carried.written:
        node.resize_outputs(carried.written + 1)
    written = node.outputs[carried.written]
    if written.is_graph_output():
        copy = ir.Node("", "Identity", [written])
        graph.append(copy)
        written = copy.outputs[0]
    written.name, written.type, written.shape = f"{name}_next", _type(node), ir.Shape(dims)
    graph.outputs.append(written)
    dtype = _type(node).dtype.numpy()
    return State(name, f"{name}_next", str(dtype), dims, dims.index("batch"), initial)


def _state_dims(carried: Carried) -> tuple[int | str, ...]:
    node = carried.node
    if node.op_type == "Scan":
        value = node.inputs[carried.read]
        rank(value)
        assert value is not None
        dims = _dims(value)
    else:
        recurrent_weights = constant(node.inputs[2])
        assert recurrent_weights is not None
        dims = (1, "batch", recurrent_weights.shape[2])
    if "batch" not in dims:
        raise ModelRefused(
            f"state {carried.name!r}: expected a batch axis, found {list(dims)}; give every sequence its own state"
        )
    return dims


def _type(node: ir.Node) -> ir.TensorType:
    value = node.inputs[-1] if node.op_type == "Scan" else node.inputs[0]
    return ir.TensorType((value.dtype if value is not None else None) or ir.DataType.FLOAT)


def _dims(value: ir.Value) -> tuple[int | str, ...]:
    rank(value)
    assert value.shape is not None
    return tuple(d if isinstance(d, int) else str(d) for d in value.shape)


def _dtype(value: ir.Value) -> str:
    assert value.dtype is not None
    return str(value.dtype.numpy())


def _unique(graph: ir.Graph, name: str) -> str:
    taken = {value.name for value in graph.inputs}
    count = sum(1 for other in taken if other == name or (other or "").startswith(f"{name}#"))
    return f"{name}#{count}" if count else name
