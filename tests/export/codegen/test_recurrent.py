"""RNN, GRU and LSTM nodes over several frames of a step."""

from __future__ import annotations

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


def test_what_is_not_proven_is_refused() -> None:
    """A clip, coupled gates, other activations, a reset before the product."""
    rng = np.random.default_rng(3)
    refused(_case(rng, "LSTM", "forward", True, False, clip=1.0), "attribute 'clip' is not supported")
    refused(_case(rng, "LSTM", "forward", True, False, input_forget=1), "input_forget = 1")
    refused(_case(rng, "RNN", "forward", True, False, activations=["Sigmoid"]), "activations ['Sigmoid']")
    refused(_case(rng, "GRU", "forward", True, False, linear_before_reset=0), "linear_before_reset = 0")
