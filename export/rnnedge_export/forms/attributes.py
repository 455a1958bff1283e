"""A native ONNX RNN, GRU or LSTM node, read into one frozen description.

Source: ONNX operator specification, RNN / GRU / LSTM, opset 14 and 22. Where the text leaves a choice, this is what
onnxruntime's CPU kernels do, because they are the oracle of every form:

1. Activation names are case-insensitive. `activation_alpha` and `activation_beta` are consumed in order, each only by
   the functions that take it.
2. A missing alpha or beta of Affine or ScaledTanh is 0, a missing alpha of ThresholdedRelu is 0; the other defaults are
   those of the operators of the same name.
3. A missing `hidden_size` is the last axis of R.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from rnnedge_runtime.errors import ModelRefused

NATIVE = ("RNN", "GRU", "LSTM")
_DEFAULTS = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
# (alpha, beta) of each activation; None: it takes none.
_PARAMETERS: dict[str, tuple[float | None, float | None]] = {
    "Affine": (0.0, 0.0),
    "Elu": (1.0, None),
    "HardSigmoid": (0.2, 0.5),
    "LeakyRelu": (0.01, None),
    "Relu": (None, None),
    "ScaledTanh": (0.0, 0.0),
    "Sigmoid": (None, None),
    "Softplus": (None, None),
    "Softsign": (None, None),
    "Tanh": (None, None),
    "ThresholdedRelu": (0.0, None),
}
_CANONICAL = {name.lower(): name for name in _PARAMETERS}


@dataclass(frozen=True)
class Activation:
    """One activation function with every parameter it takes; None for those it does not."""

    name: str
    alpha: float | None = None
    beta: float | None = None


@dataclass(frozen=True)
class Direction:
    """One pass over the sequence: `index` on the direction axis of the weights, and its activations (f, g, h)."""

    index: int
    reverse: bool
    activations: tuple[Activation, ...]


@dataclass(frozen=True)
class Recurrence:
    """What one native node computes. Axis order: D directions, B batch, T time, I input, H hidden, k gates.

    layout 0: x (T, B, I), initial_h and initial_c (D, B, H). layout 1: x (B, T, I), initial states (B, D, H).
    w (D, k*H, I), r (D, k*H, H), b (D, 2*k*H), sequence_lens (B) int32, p (D, 3*H).
    """

    name: str
    kind: str
    hidden_size: int
    directions: tuple[Direction, ...]
    clip: float | None
    input_forget: bool
    linear_before_reset: bool
    layout: int
    dtype: ir.DataType
    x: ir.Value
    w: ir.Value
    r: ir.Value
    b: ir.Value | None
    sequence_lens: ir.Value | None
    initial_h: ir.Value | None
    initial_c: ir.Value | None
    p: ir.Value | None

    @property
    def time_axis(self) -> int:
        """The axis of time in x; batch is the other one of the first two."""
        return self.layout

    @property
    def length(self) -> int | None:
        """The number of frames in x, where the graph states it."""
        return static_dim(self.x, self.time_axis)


def is_native(node: ir.Node) -> bool:
    """Whether `node` is an ONNX RNN, GRU or LSTM."""
    return node.op_type in NATIVE and node.domain == ""


def read(node: ir.Node) -> Recurrence:
    """Describe the native node; raises `ModelRefused` for what the specification does not allow."""
    kind, name = node.op_type, node.name or node.op_type
    x, w, r, b, lens, h, c, p = (list(node.inputs) + [None] * 8)[:8]
    if x is None or w is None or r is None:
        raise ModelRefused(f"{name}: {kind} without X, W and R; expected all three as inputs")
    direction = node.attributes.get_string("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise ModelRefused(f"{name}: direction {direction!r}; expected forward, reverse or bidirectional")
    reverses = (False, True) if direction == "bidirectional" else (direction == "reverse",)
    functions = list(_activations(node, name, len(reverses)))
    each = len(_DEFAULTS[kind])
    clip = node.attributes.get_float("clip", None)
    return Recurrence(
        name=name,
        kind=kind,
        hidden_size=_hidden_size(node, name, r),
        directions=tuple(
            Direction(d, reverse, tuple(functions[d * each : (d + 1) * each])) for d, reverse in enumerate(reverses)
        ),
        clip=clip,
        input_forget=bool(node.attributes.get_int("input_forget", 0)),
        linear_before_reset=bool(node.attributes.get_int("linear_before_reset", 0)),
        layout=node.attributes.get_int("layout", 0),
        dtype=x.dtype or w.dtype or r.dtype or ir.DataType.FLOAT,
        x=x,
        w=w,
        r=r,
        b=b,
        sequence_lens=lens,
        initial_h=h,
        initial_c=c if kind == "LSTM" else None,
        p=p if kind == "LSTM" else None,
    )


def static_dim(value: ir.Value, axis: int) -> int | None:
    """The size of one axis of `value` where the graph states it as a number."""
    if value.shape is None or not -len(value.shape) <= axis < len(value.shape):
        return None
    size = value.shape[axis]
    return size if isinstance(size, int) else None


def _activations(node: ir.Node, name: str, directions: int) -> Iterator[Activation]:
    names = list(node.attributes.get_strings("activations", ()) or _DEFAULTS[node.op_type] * directions)
    if len(names) != directions * len(_DEFAULTS[node.op_type]):
        raise ModelRefused(
            f"{name}: {len(names)} activations; expected {len(_DEFAULTS[node.op_type]) * directions}, "
            f"for each direction those of {', '.join(_DEFAULTS[node.op_type])}"
        )
    alphas = list(node.attributes.get_floats("activation_alpha", ()))
    betas = list(node.attributes.get_floats("activation_beta", ()))
    for given in names:
        canonical = _CANONICAL.get(given.lower())
        if canonical is None:
            raise ModelRefused(f"{name}: activation {given!r}; expected one of {', '.join(_PARAMETERS)}")
        alpha, beta = _PARAMETERS[canonical]
        if alpha is not None and alphas:
            alpha = alphas.pop(0)
        if beta is not None and betas:
            beta = betas.pop(0)
        yield Activation(canonical, alpha, beta)


def _hidden_size(node: ir.Node, name: str, r: ir.Value) -> int:
    size = node.attributes.get_int("hidden_size", None) or static_dim(r, 2)
    if size is None:
        raise ModelRefused(f"{name}: unknown hidden size; expected the attribute hidden_size or R with a static shape")
    return int(size)
