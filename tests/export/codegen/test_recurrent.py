"""RNN, GRU and LSTM nodes over several frames of a step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from one_node import COUNT, Case, check
from refusals import refused

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def _case(rng: np.random.Generator, op: str, direction: str, bias: bool, states: bool, **more: Any) -> Case:
    frames, batch, features, hidden = (int(n) for n in rng.integers(1, 12, 4))
    count = 2 if direction == "bidirectional" else 1
    width = GATES[op] * hidden

    def some(*sizes: int) -> np.ndarray:
        return (0.5 * rng.standard_normal(sizes)).astype(np.float32)

    inputs: list[Any] = [some(frames, batch, features), some(count, width, features), some(count, width, hidden)]
    inputs.append(some(count, 2 * width) if bias else None)
    inputs.append(None)
    inputs += [some(count, batch, hidden) for _ in range(1 + (op == "LSTM"))] if states else []
    given = {
        "hidden_size": hidden,
        "direction": direction,
        **({"linear_before_reset": 1} if op == "GRU" else {}),
        **more,
    }
    return Case(op, inputs, given, fixed={1, 2, 3} if bias else {1, 2}, outputs=2 + (op == "LSTM"))


@pytest.mark.parametrize("op", GATES)
def test_recurrences(op: str) -> None:
    """Every direction, with and without bias and initial states."""
    rng = np.random.default_rng(1)
    directions = ("forward", "reverse", "bidirectional")
    kinds = [(d, bias, states) for d in directions for bias in (0, 1) for states in (0, 1)]
    check([_case(rng, op, *kind) for kind in kinds * max(1, COUNT // 16)])


def test_an_rnn_of_relu() -> None:
    """The one activation beside the default."""
    rng = np.random.default_rng(2)
    check([_case(rng, "RNN", "forward", True, True, activations=["Relu"]) for _ in range(4)])


@pytest.mark.parametrize("op", GATES)
def test_a_clip_bounds_what_goes_into_activations(op: str) -> None:
    """In every direction; the bound is far inside the numbers."""
    rng = np.random.default_rng(4)
    check(
        [
            _case(rng, op, direction, True, True, clip=0.3)
            for direction in ("forward", "bidirectional")
            for _ in range(2)
        ]
    )


def test_a_gru_may_reset_before_the_product() -> None:
    """ONNX's own default, and Keras's; with a clip as well."""
    rng = np.random.default_rng(5)
    directions = ("forward", "reverse", "bidirectional")
    cases = [
        _case(rng, "GRU", d, bias, states, linear_before_reset=0)
        for d in directions
        for bias in (0, 1)
        for states in (0, 1)
    ]
    check([*cases, _case(rng, "GRU", "forward", True, True, linear_before_reset=0, clip=0.4)])


def test_cells_that_gates_see() -> None:
    """Peepholes of an LSTM, in both directions, with a clip and without."""
    rng = np.random.default_rng(6)
    cases = []
    for direction in ("forward", "reverse", "bidirectional"):
        for more in ({}, {"clip": 0.5}):
            case = _case(rng, "LSTM", direction, True, True, **more)
            count, _, hidden = case.inputs[5].shape
            weights = rng.standard_normal((count, 3 * hidden)).astype(np.float32)
            cases.append(replace(case, inputs=[*case.inputs, weights], fixed={*case.fixed, 7}))
    check(cases)


def test_what_is_not_proven_is_refused() -> None:
    """Coupled gates, and other activations."""
    rng = np.random.default_rng(3)
    refused(_case(rng, "LSTM", "forward", True, False, input_forget=1), "input_forget = 1")
    refused(_case(rng, "RNN", "forward", True, False, activations=["Sigmoid"]), "activations ['Sigmoid']")
