"""The weights of one direction, cut into gate groups and laid out for row vectors.

1. Gates that share their recurrent input form a group: RNN (i), LSTM (i,o,f) (c), GRU (z,r) (h). Each group costs one
   product with x and one with h, and the activations of its gates are applied together. One product over all gates
   followed by a split was slower in onnxruntime (GRU of 64 units, one frame: 8.1 us against 7.2 us).
2. ONNX keeps gates x hidden on axis 1 (LSTM i,o,f,c; GRU z,r,h); here every matrix is transposed to (in, gates*hidden).
3. The recurrent bias is added to the input bias, except for the h gate of a GRU with linear_before_reset: there it
   stands inside the product with r, and is kept apart.

Constant weights are prepared in numpy while compiling (see `GraphBuilder`); others by nodes of the graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from rnnedge_export.forms.attributes import Direction, Recurrence
from rnnedge_export.graph.builder import GraphBuilder

# Number of gates in each group, in ONNX gate order.
GROUPS = {"RNN": (1,), "LSTM": (3, 1), "GRU": (2, 1)}


@dataclass(frozen=True)
class Group:
    """w (I, n*H), r (H, n*H), b (n*H) added to the input projection, r_b (n*H) added to the recurrent one."""

    w: ir.Value
    r: ir.Value
    b: ir.Value | None
    r_b: ir.Value | None


@dataclass(frozen=True)
class Weights:
    """The groups of one direction, and the peepholes P_i, P_o, P_f (H) of an LSTM that has them."""

    groups: tuple[Group, ...]
    peepholes: tuple[ir.Value, ...]


def prepare(builder: GraphBuilder, spec: Recurrence, direction: Direction) -> Weights:
    """Read the weights of one direction of `spec`."""
    gates = GROUPS[spec.kind]
    ws = _matrices(builder, spec, _pick(builder, spec, spec.w, direction), gates, "W")
    rs = _matrices(builder, spec, _pick(builder, spec, spec.r, direction), gates, "R")
    bs: list[ir.Value | None] = [None] * len(gates)
    r_bs: list[ir.Value | None] = [None] * len(gates)
    if spec.b is not None:
        b = _pick(builder, spec, spec.b, direction)
        parts = _cut(builder, spec, b, (*gates, *gates), 0, "B")
        for k, (w_b, r_b) in enumerate(zip(parts[: len(gates)], parts[len(gates) :], strict=True)):
            apart = spec.kind == "GRU" and spec.linear_before_reset and k == 1
            bs[k] = w_b if apart else builder.op("Add", w_b, r_b, hint=f"{spec.name}.B")
            r_bs[k] = r_b if apart else None
    peepholes: tuple[ir.Value, ...] = ()
    if spec.p is not None:
        peepholes = tuple(_cut(builder, spec, _pick(builder, spec, spec.p, direction), (1, 1, 1), 0, "P"))
    return Weights(tuple(Group(*each) for each in zip(ws, rs, bs, r_bs, strict=True)), peepholes)


def _pick(builder: GraphBuilder, spec: Recurrence, value: ir.Value, direction: Direction) -> ir.Value:
    """One direction of a weight (D, ...) -> (...)."""
    if len(spec.directions) > 1:
        value = builder.ops("Split", value, builder.ints(1, 1), outputs=2, axis=0)[direction.index]
    return builder.op("Squeeze", value, builder.ints(0))


def _matrices(
    builder: GraphBuilder, spec: Recurrence, value: ir.Value, gates: tuple[int, ...], letter: str
) -> list[ir.Value]:
    """(k*H, in) -> one (in, n*H) for each group."""
    parts = _cut(builder, spec, value, gates, 0, letter)
    return [builder.op("Transpose", part, perm=[1, 0], hint=f"{spec.name}.{letter}") for part in parts]


def _cut(
    builder: GraphBuilder, spec: Recurrence, value: ir.Value, gates: tuple[int, ...], axis: int, letter: str
) -> list[ir.Value]:
    if len(gates) == 1:
        return [value]
    sizes = builder.ints(*(n * spec.hidden_size for n in gates))
    return builder.ops("Split", value, sizes, outputs=len(gates), axis=axis, hint=f"{spec.name}.{letter}")
