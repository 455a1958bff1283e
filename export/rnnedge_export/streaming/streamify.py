"""Offline graph -> streaming graph: every recurrence and every window has its state explicit, in and out.

1. Walk the nodes in order and follow the time axis as a `Fact` per value, by the rule of each operator.
2. An operator without a rule is refused. The length of the sequence may shape a value, never enter it.
3. Every state becomes a graph input and a graph output, its initial value part of the contract.
4. What only served the initial states or the length is removed.
5. A value per sequence is handed on as it is, so that it stays with the stream as a state does.
6. Where a value has a rate below 1, calls bring a multiple of `hop` input frames, so that every value gets a whole
   number of frames; the walk begins again when it finds that it needs a larger one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass, TopologicalSortPass

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.graph.evaluation import Offline
from rnnedge_export.graph.length_values import LengthValues
from rnnedge_export.graph.lengths import ANY_LENGTH, Lengths
from rnnedge_export.graph.symbolic_dims import grows
from rnnedge_export.graph.truth_values import write_choices
from rnnedge_export.streaming._caches import dim_of, from_frame_0, until_certain
from rnnedge_export.streaming._canonicalize import normalize
from rnnedge_export.streaming._contexts import Context, hand_on, start_from_contexts
from rnnedge_export.streaming._expose import add, expose
from rnnedge_export.streaming._initial import initial_values
from rnnedge_export.streaming._length_arithmetic import absorbed
from rnnedge_export.streaming._propagate import follow
from rnnedge_export.streaming.facts import Carried, Fact, Facts, Held, NeedsHop, Step, dims
from rnnedge_runtime.contract import Cursor, Port, State
from rnnedge_runtime.errors import ModelRefused


@dataclass(frozen=True)
class Streaming:
    """A streaming graph and its ports; states and cursors follow the ports in the graph's own inputs and outputs.

    `finals`: recurrences whose state after the last frame is an output, with the index of that frame in a call.
    `recurrences`: the nodes that carry a state along time. `steps`: the way of the time axis, in order.
    `attends`: the whole sequence would take memory with the square of its length.
    """

    model: ir.Model
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[State, ...]
    hop: int
    cursors: tuple[Cursor, ...]
    recurrences: tuple[ir.Node, ...]
    finals: Mapping[ir.Node, ir.Value]
    steps: tuple[Step, ...]
    attends: bool = False


def streamify(
    model: ir.Model,
    batch_axis: int,
    time_axis: int,
    places: Mapping[str, str],
    *,
    chunk: int | None = None,
    lengths: Lengths = ANY_LENGTH,
    contexts: Sequence[Context] = (),
) -> Streaming:
    """Make a streaming graph of `model`, which stays as it is. `places` names the module of each node, for messages.

    `contexts` are the last inputs of the graph, values per sequence.
    `chunk` is the number of frames that every call brings, None where that may change from call to call.
    Raises `ModelRefused` naming the layer, the reason and the remedy where the network cannot stream.
    """
    offline = normalize(model, batch_axis, lengths)
    hop = chunk or 1
    while True:
        try:
            return _walk(offline.clone(), offline, batch_axis, time_axis, places, hop, chunk, lengths, contexts)
        except NeedsHop as needed:
            if chunk is not None:
                raise ModelRefused(
                    f"chunk: expected a number of frames that becomes a whole number at every rate, found {chunk}; "
                    f"{needed.hop} does"
                ) from None
            hop = needed.hop


def _walk(
    model: ir.Model,
    offline: ir.Model,
    batch_axis: int,
    time_axis: int,
    places: Mapping[str, str],
    hop: int,
    chunk: int | None,
    lengths: Lengths,
    contexts: Sequence[Context],
) -> Streaming:
    graph = model.graph
    given = list(graph.inputs)[: len(graph.inputs) - len(contexts)]
    constant = list(graph.inputs)[len(given) :]
    del graph.inputs[len(given) :]
    asked = Offline(offline), LengthValues(offline)
    facts = Facts(GraphBuilder(model), places, hop, chunk, lengths, *asked, absorbed(graph))
    facts.known.update((x, Fact(time_axis)) for x in given)
    names = [str(value.name) for value in graph.outputs]
    for node in list(graph):
        follow(node, facts)
    for index in range(len(graph.outputs)):
        _certain(graph, index, facts)
    for name, value in zip(names, graph.outputs, strict=True):
        value.name = name
    outputs = tuple(_output_port(value, facts) for value in graph.outputs)
    inputs = tuple(Port(str(x.name), _dtype(x), dims(x), batch_axis, time_axis) for x in given)
    carried = [state for state in facts.states if isinstance(state, Carried)]
    begun = start_from_contexts(graph, carried, constant, facts)
    fixed = [state for state in carried if state not in begun]
    initial = dict(zip(map(id, fixed), initial_values(fixed, facts), strict=True))
    states = tuple(
        add(graph, s) if isinstance(s, Held) else expose(graph, s, initial.get(id(s), 0.0), begun.get(s))
        for s in facts.states
    )
    states += tuple(hand_on(graph, value, one, facts) for value, one in zip(constant, contexts, strict=True))
    graph.inputs.extend(facts.cursors.values())
    write_choices(model)
    _restate_shapes(model, facts)
    RemoveUnusedNodesPass()(model)
    TopologicalSortPass()(model)
    nodes = tuple(dict.fromkeys(s.node for s in carried))
    for node, name in {state.node: state.name.rpartition(".")[0] for state in carried}.items():
        # What a form writes is named by it: the weights of gru.l0 are gru.l0.W and gru.l0.R.
        node.name = facts.builder.fresh(name)
    attends = lengths.pairs or any(step.fact.pairs for step in facts.steps)
    cursors, steps = tuple(facts.cursors), tuple(facts.steps)
    return Streaming(model, inputs, outputs, states, hop, cursors, nodes, facts.finals, steps, attends)


def _certain(graph: ir.Graph, index: int, facts: Facts) -> None:
    """An output frame leaves when it is certain that the whole sequence has it."""
    value = graph.outputs[index]
    fact = facts.of(value)
    if fact is None or fact.axis is None:
        return
    anchor = ir.Node("", "Identity", [value])
    anchor.outputs[0].type, anchor.outputs[0].shape = value.type, value.shape
    graph.append(anchor)
    late, later = until_certain(anchor, *from_frame_0(anchor, value, fact, facts), facts)
    if late is value and not value.is_graph_input() and list(graph.outputs).index(value) == index:
        graph.remove(anchor, safe=True)
        return
    anchor.replace_input_with(0, late)
    value.name = facts.builder.fresh(f"{value.name}_inner") if not value.is_graph_input() else value.name
    graph.outputs[index] = anchor.outputs[0]
    facts.known[anchor.outputs[0]] = later


def _output_port(value: ir.Value, facts: Facts) -> Port:
    fact = facts.of(value)
    shape_of = dims(value)
    if fact is None:
        raise ModelRefused(f"output {value.name!r} does not depend on the input; leave it out of forward's result")
    if fact.pairs:
        raise ModelRefused(f"output {value.name!r}: attention weights grow with the sequence; give what they weigh")
    if "batch" not in shape_of or fact.folded:
        raise ModelRefused(f"output {value.name!r}: expected a batch axis, found {list(shape_of)}; keep the batch")
    ports = tuple("time" if i == fact.axis else d for i, d in enumerate(shape_of))
    return Port(str(value.name), _dtype(value), ports, shape_of.index("batch"), fact.axis, not fact.summary, fact.clock)


def _dtype(value: ir.Value) -> str:
    assert value.dtype is not None
    return str(value.dtype.numpy())


def _restate_shapes(model: ir.Model, facts: Facts) -> None:
    """Lengths along time are those of a call now: "time", "2*time", "time/4"."""
    for node in model.graph:
        for value in node.outputs:
            fact = facts.of(value)
            if value.shape is None:
                continue
            if fact is None:
                value.shape = ir.Shape(
                    None if not isinstance(d, int) and grows(str(d), "time") else d for d in value.shape
                )
            elif fact.axis is not None:
                along = None if fact.folded else dim_of(fact.clock)
                columns = fact.axis + 1 if fact.pairs else None
                value.shape = ir.Shape(
                    along if i == fact.axis else None if i == columns else d for i, d in enumerate(value.shape)
                )
