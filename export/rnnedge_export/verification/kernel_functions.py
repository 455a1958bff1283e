"""Sigmoid and tanh inside of onnxruntime's own GRU and RNN: yet other polynomials, up to ten ulps off near 1.

A kernel says what its functions are if one step of it is left with nothing else to do: a GRU whose update gate is
closed gives tanh(x); with nothing new it keeps z of its state of 1. An LSTM has the functions of the operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from rnnedge_export.graph.cpu_session import session
from rnnedge_runtime.contract import Array

_CLOSED = -100.0
# Of the gates in ONNX order: (weights of x, biases, state that it begins with).
_ONE_STEP: dict[tuple[str, str], tuple[Sequence[float], Sequence[float], float]] = {
    ("GRU", "tanh"): ((0, 0, 1), (_CLOSED, 0, 0), 0.0),
    ("GRU", "sigmoid"): ((1, 0, 0), (0, 0, 0), 1.0),
    ("RNN", "tanh"): ((1,), (0,), 0.0),
}


def of_kernel(operator: str, function: str, x: Tensor) -> Tensor:
    """`function` of every number of `x`, float32, as the kernel of `operator` has it."""
    numbers = x.numpy(force=True).reshape(1, -1, 1)
    start = np.full_like(numbers, _ONE_STEP[operator, function][2])
    (found,) = _session(operator, function).run(None, {"x": numbers, "start": start})
    return torch.from_numpy(found.reshape(x.shape))


@cache
def _session(operator: str, function: str) -> Any:
    weights, biases, _ = _ONE_STEP[operator, function]
    gates = len(weights)
    constants: dict[str, Array] = {
        "w": np.array(weights, np.float32).reshape(1, gates, 1),
        "r": np.zeros((1, gates, 1), np.float32),
        "b": np.array([*biases, *[0.0] * gates], np.float32)[None],
    }
    node = helper.make_node(operator, ["x", "w", "r", "b", "", "start"], ["", "y"], hidden_size=1)
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "start", "y")]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph([node], operator, ports[:2], ports[2:], tensors)
    return session(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9))
