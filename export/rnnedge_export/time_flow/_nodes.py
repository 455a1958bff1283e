"""The nodes of a streaming file that its frames and states go through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import onnx

from rnnedge_export.graph.operators import OPERATORS, Kind
from rnnedge_runtime.contract import Contract

# They move axes and frames, and compute nothing.
PLUMBING = frozenset("Transpose Reshape Squeeze Unsqueeze Identity Flatten Expand Cast Split Slice Pad Gather".split())
# Of them, those that give every frame as often as it came: of an input they are the input itself.
_SAME_FRAMES = frozenset("Transpose Squeeze Unsqueeze Identity Cast".split())
_LIGHT_KINDS = (Kind.POINTWISE, Kind.BROADCASTING)


@dataclass(frozen=True)
class Node:
    """`reads` and `writes`: values that frames go through. `states`: inputs of the graph that it reads a state from."""

    operator: str
    module: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    states: tuple[str, ...]
    weights: int
    axis: int | None

    @property
    def moves_only(self) -> bool:
        """Whether it computes nothing."""
        return self.operator in PLUMBING

    @property
    def light(self) -> bool:
        """Whether it belongs to the layer in front of it: it has no time of its own, and acts on each number alone."""
        known = OPERATORS.get(self.operator)
        return not self.states and (self.moves_only or (known is not None and known.kind in _LIGHT_KINDS))


def nodes_of(proto: onnx.ModelProto, contract: Contract) -> list[Node]:
    """In the order of the graph; what only computes a shape is left out."""
    streamed = {port.name for port in contract.inputs}
    states = {state.input for state in contract.states}
    # An integer of 64 bits is an axis, a shape or a place, and no weight.
    sizes = {w.name: _count(w.dims) for w in proto.graph.initializer if w.data_type != onnx.TensorProto.INT64}
    same = {port.name: port.name for port in contract.inputs}
    outputs = {port.name for port in contract.outputs}
    found = []
    for node in proto.graph.node:
        read = tuple(same.get(name, name) for name in node.input if name in streamed)
        kept = tuple(name for name in node.input if name in states)
        if node.op_type == "Shape" or not (read or kept):
            continue
        streamed |= set(node.output) - {""}
        if node.op_type in _SAME_FRAMES and not kept and node.input[0] in same and node.output[0] not in outputs:
            same[node.output[0]] = same[node.input[0]]
            continue
        weights = [name for name in node.input if name in sizes]
        axis = next((a.i for a in node.attribute if a.name == "axis"), None)
        count = sum(sizes[name] for name in weights if sizes[name] > 1)
        writes = tuple(name for name in node.output if name)
        found.append(Node(node.op_type, _module(weights), read, writes, kept, count, axis))
    return found


def _module(weights: Iterable[str]) -> str:
    """The module that a weight belongs to: "head.0" of "head.0.bias"."""
    return next((name.rpartition(".")[0] for name in weights if "." in name.strip(".")), "")


def _count(dims: Iterable[int]) -> int:
    product = 1
    for dim in dims:
        product *= dim
    return product
