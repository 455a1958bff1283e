"""The equations of RNN, LSTM and GRU, once: scan, unrolled and step all write one frame through `advance`.

Source: ONNX operator specification, opset 22, with its letters; X_t (B, I), H_{t-1} (B, H), C_{t-1} (B, H), (.) is the
element-wise product, f, g, h are the activations. W, R, b are those of `Weights`: transposed, biases already summed.

1. `clip` bounds the sums that enter f and g. onnxruntime does not clip the argument of h(C_t), and neither do we.
2. `input_forget` couples the gates: f_t = 1 - i_t.
3. H_t = (1 - z_t) (.) n_t + z_t (.) H_{t-1} of the GRU is written n_t + z_t (.) (H_{t-1} - n_t): one operation less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir

from rnnedge_export.forms._activations import activate
from rnnedge_export.forms._weights import Group, Weights
from rnnedge_export.forms.attributes import Direction, Recurrence
from rnnedge_export.graph.builder import GraphBuilder

Function = Callable[[ir.Value], ir.Value]


@dataclass(frozen=True)
class Memory:
    """The state of a cell after a frame: h (B, H), and c (B, H) of an LSTM; `gates` (B, H) by name, those of it."""

    h: ir.Value
    c: ir.Value | None = None
    gates: Mapping[str, ir.Value] = field(default_factory=dict, kw_only=True)

    @property
    def values(self) -> tuple[ir.Value, ...]:
        """h, or h and c."""
        return (self.h,) if self.c is None else (self.h, self.c)


def project(builder: GraphBuilder, weights: Weights, x: ir.Value) -> list[ir.Value]:
    """X W + b of every gate group, for x (N, I): one frame, or all frames of a sequence folded into N."""
    return [_affine(builder, x, group.w, group.b) for group in weights.groups]


def project_sequence(builder: GraphBuilder, weights: Weights, x: ir.Value) -> list[ir.Value]:
    """X W + b of every gate group, for x (T, B, I) or (B, T, I): Gemm would need two axes."""
    products = [builder.op("MatMul", x, group.w) for group in weights.groups]
    return [
        product if group.b is None else builder.op("Add", product, group.b)
        for product, group in zip(products, weights.groups, strict=True)
    ]


def advance(
    builder: GraphBuilder,
    spec: Recurrence,
    direction: Direction,
    weights: Weights,
    x: Sequence[ir.Value],
    memory: Memory,
) -> Memory:
    """One frame of the cell; x[k] (B, n*H) is the projection of the frame for group k."""
    if spec.kind == "RNN":
        return _rnn(builder, spec, direction, weights, x, memory.h)
    if spec.kind == "GRU":
        return _gru(builder, spec, direction, weights, x, memory.h)
    assert memory.c is not None
    return _lstm(builder, spec, direction, weights, x, memory.h, memory.c)


def _rnn(
    builder: GraphBuilder, spec: Recurrence, direction: Direction, weights: Weights, x: Sequence[ir.Value], h: ir.Value
) -> Memory:
    (f,) = _functions(builder, spec, direction)
    # H_t = f(X_t W + H_{t-1} R + b)
    return Memory(f(_join(builder, weights.groups[0], x[0], h)))


def _lstm(
    builder: GraphBuilder,
    spec: Recurrence,
    direction: Direction,
    weights: Weights,
    x: Sequence[ir.Value],
    h: ir.Value,
    c: ir.Value,
) -> Memory:
    f_, g_, _ = _functions(builder, spec, direction)
    iof = _join(builder, weights.groups[0], x[0], h)
    g = g_(_join(builder, weights.groups[1], x[1], h))
    if weights.peepholes:
        # i_t = f(X_t W_i + H_{t-1} R_i + P_i (.) C_{t-1} + b_i), f_t alike, and o_t with C_t.
        p_i, p_o, p_f = weights.peepholes
        i, o, f = builder.ops("Split", iof, outputs=3, axis=1, num_outputs=3)
        i = f_(builder.op("Add", i, builder.op("Mul", p_i, c)))
        f = _forget(builder, spec, i) or f_(builder.op("Add", f, builder.op("Mul", p_f, c)))
        c = _remember(builder, f, c, i, g)
        o = f_(builder.op("Add", o, builder.op("Mul", p_o, c)))
    else:
        i, o, f = builder.ops("Split", f_(iof), outputs=3, axis=1, num_outputs=3)
        f = _forget(builder, spec, i) or f
        c = _remember(builder, f, c, i, g)
    # H_t = o_t (.) h(C_t)
    h = builder.op("Mul", o, activate(builder, direction.activations[2], c, spec.dtype), hint="h")
    return Memory(h, c, gates={"input_gate": i, "forget_gate": f, "output_gate": o, "candidate": g})


def _remember(builder: GraphBuilder, f: ir.Value, c: ir.Value, i: ir.Value, g: ir.Value) -> ir.Value:
    """C_t = f_t (.) C_{t-1} + i_t (.) g_t."""
    return builder.op("Add", builder.op("Mul", f, c), builder.op("Mul", i, g), hint="c")


def _forget(builder: GraphBuilder, spec: Recurrence, i: ir.Value) -> ir.Value | None:
    """f_t of coupled gates (case 2), or None."""
    return builder.op("Sub", builder.scalar(1.0, spec.dtype), i) if spec.input_forget else None


def _gru(
    builder: GraphBuilder, spec: Recurrence, direction: Direction, weights: Weights, x: Sequence[ir.Value], h: ir.Value
) -> Memory:
    f, g = _functions(builder, spec, direction)
    # z_t = f(X_t W_z + H_{t-1} R_z + b_z), r_t alike.
    z, r = builder.ops("Split", f(_join(builder, weights.groups[0], x[0], h)), outputs=2, axis=1, num_outputs=2)
    group = weights.groups[1]
    if spec.linear_before_reset:
        # n_t = g(X_t W_h + r_t (.) (H_{t-1} R_h + Rb_h) + Wb_h)
        n = g(builder.op("Add", x[1], builder.op("Mul", r, _affine(builder, h, group.r, group.r_b))))
    else:
        # n_t = g(X_t W_h + (r_t (.) H_{t-1}) R_h + b_h)
        n = g(_join(builder, group, x[1], builder.op("Mul", r, h)))
    h = builder.op("Add", n, builder.op("Mul", z, builder.op("Sub", h, n)), hint="h")
    return Memory(h, gates={"reset_gate": r, "update_gate": z, "candidate": n})


def _join(builder: GraphBuilder, group: Group, x: ir.Value, h: ir.Value) -> ir.Value:
    """The sum x + h R."""
    return builder.op("Gemm", h, group.r, x)


def _affine(builder: GraphBuilder, x: ir.Value, w: ir.Value, b: ir.Value | None) -> ir.Value:
    return builder.op("MatMul", x, w) if b is None else builder.op("Gemm", x, w, b)


def _functions(builder: GraphBuilder, spec: Recurrence, direction: Direction) -> list[Function]:
    """The activations of `direction` with the clip in front of each (case 1)."""
    bound = None if spec.clip is None else abs(spec.clip)

    def function(k: int) -> Function:
        def apply(x: ir.Value) -> ir.Value:
            if bound is not None:
                x = builder.op("Clip", x, builder.scalar(-bound, spec.dtype), builder.scalar(bound, spec.dtype))
            return activate(builder, direction.activations[k], x, spec.dtype)

        return apply

    return [function(k) for k in range(len(direction.activations))]
