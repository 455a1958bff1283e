"""numpy by hand: the equations of the cell, one matrix product for the frame and one for the state."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.peers.problem import Problem, Step
from rnnedge_runtime.contract import Array


def load(problem: Problem, path: Path | None = None) -> Step:
    """A frame by numpy's products."""
    return (_lstm if problem.case.cell == "LSTM" else _gru)(problem)


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), by the tanh that does not overflow."""
    found: Array = 0.5 * np.tanh(0.5 * x) + 0.5
    return found


def _lstm(problem: Problem) -> Step:
    w, size = problem.weights, problem.case.hidden_size
    w_ih, w_hh = w["weight_ih_l0"], w["weight_hh_l0"]
    bias = w["bias_ih_l0"] + w["bias_hh_l0"]
    h = c = np.zeros(size, np.float32)

    def step(frame: Array) -> Array:
        nonlocal h, c
        gates = w_ih @ frame[0] + w_hh @ h + bias
        i, f, o = _sigmoid(gates[:size]), _sigmoid(gates[size : 2 * size]), _sigmoid(gates[3 * size :])
        c = f * c + i * np.tanh(gates[2 * size : 3 * size])
        h = o * np.tanh(c)
        return h

    return step


def _gru(problem: Problem) -> Step:
    w, size = problem.weights, problem.case.hidden_size
    w_ih, w_hh, b_ih, b_hh = (w[f"{kind}_l0"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    h = np.zeros(size, np.float32)

    def step(frame: Array) -> Array:
        nonlocal h
        x, y = w_ih @ frame[0] + b_ih, w_hh @ h + b_hh
        r_and_z = _sigmoid(x[: 2 * size] + y[: 2 * size])
        r, z = r_and_z[:size], r_and_z[size:]
        n = np.tanh(x[2 * size :] + r * y[2 * size :])
        h = n + z * (h - n)
        return h

    return step
