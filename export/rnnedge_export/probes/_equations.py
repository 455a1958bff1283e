"""Gates of the ONNX recurrences in numpy, from X and the hidden states that onnxruntime's own operator gives.

The oracle of the taps: it shares neither code nor intermediate values with what a file computes. float64 throughout.

Source: ONNX operator specification, RNN / GRU / LSTM, opset 22, with its letters; gates of W and R stand in the order
i, o, f, c and z, r, h. Activations as in onnxruntime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rnnedge_export.forms.attributes import Activation, Recurrence
from rnnedge_runtime.contract import Array

_FUNCTIONS: dict[str, Callable[[Array, float, float], Array]] = {
    "Affine": lambda x, a, b: a * x + b,
    "Elu": lambda x, a, _: np.where(x >= 0, x, a * np.expm1(np.minimum(x, 0))),
    "HardSigmoid": lambda x, a, b: np.clip(a * x + b, 0, 1),
    "LeakyRelu": lambda x, a, _: np.where(x >= 0, x, a * x),
    "Relu": lambda x, _, __: np.maximum(x, 0),
    "ScaledTanh": lambda x, a, b: a * np.tanh(b * x),
    "Sigmoid": lambda x, _, __: 0.5 * (1 + np.tanh(0.5 * x)),
    "Softplus": lambda x, _, __: np.logaddexp(0, x),
    "Softsign": lambda x, _, __: x / (1 + np.abs(x)),
    "Tanh": lambda x, _, __: np.tanh(x),
    "ThresholdedRelu": lambda x, a, _: np.where(x > a, x, 0),
}


def inner_values(spec: Recurrence, given: Mapping[str, Array]) -> dict[str, Array]:
    """Every inner value (T, B, H) float32 of a forward recurrence, by name.

    `given`: x (T, B, I), y (T, B, H), h and c (B, H) from which it starts, w (k*H, I), r (k*H, H), b (2*k*H), p (3*H);
    those that the node has. y stands for H_t, so an error of a gate does not add up over time.
    """
    arrays = {name: array.astype(np.float64) for name, array in given.items()}
    y, r = arrays["y"], arrays["r"]
    start = arrays.get("h", np.zeros(y.shape[1:]))
    before = np.concatenate([start[None], y[:-1]])
    w_b, r_b = np.split(arrays["b"], 2) if "b" in arrays else (np.zeros(len(r)), np.zeros(len(r)))
    x = arrays["x"] @ arrays["w"].T
    if spec.kind == "GRU":
        found = _gru(spec, x, before, r, w_b, r_b)
    elif spec.kind == "LSTM":
        found = _lstm(spec, x + w_b + before @ r.T + r_b, arrays.get("c", np.zeros(y.shape[1:])), arrays.get("p"))
    else:
        found = {}
    return {name: array.astype(np.float32) for name, array in ({"hidden": y} | found).items()}


def _gru(spec: Recurrence, x: Array, before: Array, r: Array, w_b: Array, r_b: Array) -> dict[str, Array]:
    f, g = _functions(spec)
    (x_z, x_r, x_h), (r_z, r_r, r_h) = np.split(x, 3, axis=-1), np.split(r, 3)
    (w_bz, w_br, w_bh), (r_bz, r_br, r_bh) = np.split(w_b, 3), np.split(r_b, 3)
    z = f(x_z + before @ r_z.T + w_bz + r_bz)
    reset = f(x_r + before @ r_r.T + w_br + r_br)
    if spec.linear_before_reset:
        n = g(x_h + reset * (before @ r_h.T + r_bh) + w_bh)
    else:
        n = g(x_h + (reset * before) @ r_h.T + r_bh + w_bh)
    return {"reset_gate": reset, "update_gate": z, "candidate": n}


def _lstm(spec: Recurrence, sums: Array, c: Array, p: Array | None) -> dict[str, Array]:
    f, g, _ = _functions(spec)
    rows = []
    p_i, p_o, p_f = np.split(p, 3) if p is not None else (0.0, 0.0, 0.0)
    for row in sums:
        s_i, s_o, s_f, s_c = np.split(row, 4, axis=-1)
        i = f(s_i + p_i * c)
        forget = 1 - i if spec.input_forget else f(s_f + p_f * c)
        candidate = g(s_c)
        c = forget * c + i * candidate
        rows.append((c, i, forget, f(s_o + p_o * c), candidate))
    names = ("cell", "input_gate", "forget_gate", "output_gate", "candidate")
    return {name: np.stack(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _functions(spec: Recurrence) -> list[Callable[[Array], Array]]:
    (direction,) = spec.directions
    return [_function(activation, spec.clip) for activation in direction.activations]


def _function(activation: Activation, clip: float | None) -> Callable[[Array], Array]:
    a, b = activation.alpha or 0.0, activation.beta or 0.0

    def apply(x: Array) -> Array:
        return _FUNCTIONS[activation.name](x if clip is None else np.clip(x, -abs(clip), abs(clip)), a, b)

    return apply
