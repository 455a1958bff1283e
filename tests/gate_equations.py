"""Every inner value of GRU and LSTM in numpy, float64, for one sequence from a zero state: no code of rnnedge.

Weights are laid out as torch.nn documents them: r z n and i f g o. `w`: the state_dict of one layer, without suffix.
Sources: Cho et al. 2014 in the variant of torch.nn.GRU; Hochreiter & Schmidhuber 1997 with Gers et al. 2000.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from reference import sigmoid

Array = np.ndarray[Any, np.dtype[np.float64]]


def layer_weights(module: torch.nn.Module, index: int) -> dict[str, Array]:
    """The weights of layer `index` of a torch recurrence, in float64."""
    end = f"_l{index}"
    return {
        name.removesuffix(end): value.double().numpy()
        for name, value in module.state_dict().items()
        if name.endswith(end)
    }


def gru(x: Array, w: Mapping[str, Array]) -> dict[str, Array]:
    """x (time, input) -> (time, hidden) each."""
    h = np.zeros(w["weight_hh"].shape[1])
    rows = []
    for x_t in x:
        xr, xz, xn = np.split(w["weight_ih"] @ x_t + w["bias_ih"], 3)
        hr, hz, hn = np.split(w["weight_hh"] @ h + w["bias_hh"], 3)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        n = np.tanh(xn + r * hn)
        h = (1 - z) * n + z * h
        rows.append((h, r, z, n))
    names = ("hidden", "reset_gate", "update_gate", "candidate")
    return dict(zip(names, map(np.stack, zip(*rows, strict=True)), strict=True))


def lstm(x: Array, w: Mapping[str, Array]) -> dict[str, Array]:
    """x (time, input) -> (time, hidden) each."""
    h = c = np.zeros(w["weight_hh"].shape[1])
    rows = []
    for x_t in x:
        sums = w["weight_ih"] @ x_t + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]
        i, f, g, o = np.split(sums, 4)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        rows.append((h, c, i, f, g, o))
    names = ("hidden", "cell", "input_gate", "forget_gate", "candidate", "output_gate")
    return dict(zip(names, map(np.stack, zip(*rows, strict=True)), strict=True))


def stack(module: torch.nn.Module, x: Array) -> list[dict[str, Array]]:
    """Every layer of a torch.nn.GRU or LSTM."""
    found = []
    for index in range(module.num_layers):
        equations = gru if isinstance(module, torch.nn.GRU) else lstm
        found.append(equations(x, layer_weights(module, index)))
        x = found[-1]["hidden"]
    return found
