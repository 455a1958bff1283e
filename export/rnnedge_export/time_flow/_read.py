"""From the bytes of a streaming file to the picture as data."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import prod

import onnx

from rnnedge_export.time_flow._flow import Block, Edge, Kept, TimeFlow
from rnnedge_export.time_flow._grouping import Group, Grouping, kind_of
from rnnedge_export.time_flow._nodes import Node, nodes_of
from rnnedge_export.time_flow._rates import rates
from rnnedge_runtime.contract import Contract, Port, State

_KINDS = {
    "cache": "window", "delay": "delay", "padding": "padding", "keys": "attention keys", "values": "attention values",
    "overlap": "overlap", "h": "hidden state", "c": "cell state",
}  # fmt: skip
_Rate = Fraction | None


def read_time_flow(data: bytes, contract: Contract) -> TimeFlow:
    """`data`: a file that `contract` describes. Inputs come first, then blocks, then outputs."""
    proto = onnx.load_from_string(data)
    nodes, known = nodes_of(proto, contract), rates(proto, contract)
    known |= {port.name: port.clock.rate for port in contract.inputs}
    grouping = Grouping(nodes, contract)
    groups = grouping.run()
    first = len(contract.inputs)
    inputs = [Block("input", port.name, rate=_rate(port), note=_given(port, contract)) for port in contract.inputs]
    blocks = [_block([nodes[i] for i in group], grouping.name(group[0]), contract, known) for group in groups]
    outputs = [Block("output", port.name, rate=_rate(port), note=_note(port, contract)) for port in contract.outputs]
    found = {(first + a, first + b, known.get(name)) for a, b, name in grouping.edges(groups)}
    found |= set(_from_inputs(nodes, groups, contract))
    found |= set(_to_outputs(nodes, groups, contract))
    return TimeFlow((*inputs, *blocks, *outputs), tuple(Edge(*edge) for edge in sorted(found, key=lambda e: e[:2])))


def _from_inputs(nodes: list[Node], groups: list[Group], contract: Contract) -> list[tuple[int, int, _Rate]]:
    return [
        (k, len(contract.inputs) + g, _rate(port))
        for k, port in enumerate(contract.inputs)
        for g, group in enumerate(groups)
        if any(port.name in nodes[i].reads for i in group)
    ]


def _to_outputs(nodes: list[Node], groups: list[Group], contract: Contract) -> list[tuple[int, int, _Rate]]:
    first = len(contract.inputs)
    return [
        (first + g, first + len(groups) + k, _rate(port))
        for k, port in enumerate(contract.outputs)
        for g, group in enumerate(groups)
        if any(port.name in nodes[i].writes for i in group)
    ]


def _block(nodes: list[Node], module: str, contract: Contract, known: dict[str, Fraction]) -> Block:
    states = {state.input: state for state in contract.states}
    kept = {name: _kept(states[name], node) for node in nodes for name in node.states}
    computing = Counter(node.operator for node in nodes if not node.moves_only and not _is_window(node))
    if not (computing or module or kept):
        computing = Counter(node.operator for node in nodes)
    operators = tuple(name if n == 1 else f"{n} {name}" for name, n in computing.items())
    delays = not computing and any(kind_of(name) == "delay" for name in kept)
    role = "delay" if delays else "layer" if module or kept else "join"
    name = module or ("delay" if delays else "")
    rate = next((known[name] for node in reversed(nodes) for name in node.writes if name in known), None)
    return Block(role, name, operators, rate, sum(node.weights for node in nodes), tuple(kept.values()))


def _is_window(node: Node) -> bool:
    return node.operator == "Concat" and bool(node.states)


def _kept(state: State, reader: Node) -> Kept:
    """A state in words; a window and a delay are as long as the axis that the frames are joined along."""
    if state.context:
        return Kept(state.input, "given by the caller", prod(_factor(dim) for dim in state.shape), given=True)
    kind = _KINDS.get(kind_of(state.input), "state")
    if _is_window(reader) and reader.axis is not None:
        # In the graph a state may lack the axes that are 1.
        frames = state.shape[reader.axis]
        kind += f" of {frames} frame" + ("" if frames == 1 else "s")
    return Kept(state.input, kind, prod(_factor(dim) for dim in state.shape))


def _factor(dim: int | str) -> int:
    """How much of a state is one sequence's: 33 of "33*batch"."""
    return dim if isinstance(dim, int) else int(dim.rpartition("*")[0] or 1)


def _rate(port: Port) -> _Rate:
    return port.clock.rate if port.per_frame else None


def _values(port: Port) -> str:
    return " x ".join(map(str, port.frame_shape)) + " values" if port.frame_shape else "one value"


def _given(port: Port, contract: Contract) -> str:
    """What a frame of an input is, and how often it comes."""
    rate = contract.frame_rate_hz
    return _values(port) + (f", {rate:g} frames per second" if rate else "")


def _note(port: Port, contract: Contract) -> str:
    """What a frame of an output is, and when it comes."""
    if not port.per_frame:
        return f"{_values(port)}, at the end"
    later = port.clock.lookahead
    if not later:
        return f"{_values(port)}, at once"
    rate = contract.frame_rate_hz
    time = f" ({1000 * later / rate:.4g} ms)" if rate else ""
    return f"{_values(port)}, {later} frame{'' if later == 1 else 's'} later{time}"
