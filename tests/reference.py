"""The equations of the cells in numpy, from the papers, for one sequence: an oracle that shares no code with rnnedge.

Weights are named and laid out as torch.nn documents them: gates stacked along the first axis, i f g o and r z n.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {"rnn_sigmoid": sigmoid, "rnn_tanh": np.tanh, "rnn_relu": lambda x: np.maximum(x, 0)}


def elman(kind: str, x: Array, w: Array, b: Array, h: Array) -> Array:
    """h_t = sigma(W_h [h_{t-1}, x_t] + b_h) (Elman 1990). x (time, input) -> h (time, hidden)."""
    hs = []
    for x_t in x:
        h = ACTIVATIONS[kind](w @ np.concatenate([h, x_t]) + b)
        hs.append(h)
    return np.stack(hs)


def gru(x: Array, w: Mapping[str, Array], h: Array) -> Array:
    """Cho et al. 2014, in the variant of torch.nn.GRU (reset after the product)."""
    hs = []
    for x_t in x:
        xr, xz, xn = np.split(w["weight_ih_l0"] @ x_t + w["bias_ih_l0"], 3)
        hr, hz, hn = np.split(w["weight_hh_l0"] @ h + w["bias_hh_l0"], 3)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        n = np.tanh(xn + r * hn)
        h = (1 - z) * n + z * h
        hs.append(h)
    return np.stack(hs)


def lstm(x: Array, w: Mapping[str, Array], h: Array, c: Array) -> Array:
    """Hochreiter & Schmidhuber 1997 with forget gates (Gers et al. 2000), as torch.nn.LSTM."""
    hs = []
    for x_t in x:
        gates = w["weight_ih_l0"] @ x_t + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        hs.append(h)
    return np.stack(hs)


def mingru(x: Array, w: Mapping[str, Array], h: Array) -> Array:
    """Feng et al. 2024, section 3.1.2."""
    hs = []
    for x_t in x:
        z, candidate = np.split(w["gates.weight"] @ x_t + w["gates.bias"], 2)
        h = (1 - sigmoid(z)) * h + sigmoid(z) * candidate
        hs.append(h)
    return np.stack(hs)


def minlstm(x: Array, w: Mapping[str, Array], h: Array) -> Array:
    """Feng et al. 2024, section 3.2.3."""
    hs = []
    for x_t in x:
        i, f, candidate = np.split(w["gates.weight"] @ x_t + w["gates.bias"], 3)
        i, f = sigmoid(i), sigmoid(f)
        h = f / (f + i) * h + i / (f + i) * candidate
        hs.append(h)
    return np.stack(hs)


def lru(x: Array, w: Mapping[str, Array], hidden: int) -> Array:
    """Orvieto et al. 2023, eq. 6 and 7, and behind it GELU (by the error function) and GLU."""
    b = w["b.weight"][:hidden] + 1j * w["b.weight"][hidden:]
    c = w["c.weight"][:, :hidden] - 1j * w["c.weight"][:, hidden:]
    eigenvalues = np.exp(-np.exp(w["nu"]) + 1j * np.exp(w["theta"]))
    h, ys = np.zeros(hidden, complex), []
    for x_t in x:
        h = eigenvalues * h + np.exp(w["log_gamma"]) * (b @ x_t)
        y = (c @ h).real + w["d.weight"] @ x_t
        y = y * 0.5 * (1 + np.array([math.erf(v) for v in y / 2**0.5]))
        y, gate = np.split(w["glu.weight"] @ y + w["glu.bias"], 2)
        ys.append(y * sigmoid(gate))
    return np.stack(ys)


def layer(cell: str, x: Array, w: Mapping[str, Array], hidden: int) -> Array:
    """One layer from a zero state. `w`: the layer's state_dict in float64."""
    zero = np.zeros(hidden)
    if cell == "gru":
        return gru(x, w, zero)
    if cell == "lstm":
        return lstm(x, w, zero, zero)
    if cell in ("mingru", "minlstm"):
        return (mingru if cell == "mingru" else minlstm)(x, w, zero)
    if cell == "lru":
        return lru(x, w, hidden)
    if cell == "rnn_sigmoid":
        return elman(cell, x, w["cell.weight"], w["cell.bias"], zero)
    both = np.concatenate([w["weight_hh_l0"], w["weight_ih_l0"]], axis=1)
    return elman(cell, x, both, w["bias_ih_l0"] + w["bias_hh_l0"], zero)


def network(cell: str, x: Array, w: Mapping[str, Array], layers: int, hidden: int) -> Array:
    """Stack and head y_t = W_y h_t + b_y of a RecurrentNetwork without normalization. -> (time, output)."""
    h = x
    for index in range(layers):
        prefix = f"layers.{index}."
        h = layer(cell, h, {k.removeprefix(prefix): v for k, v in w.items() if k.startswith(prefix)}, hidden)
    return h @ w["head.weight"].T + w["head.bias"]
