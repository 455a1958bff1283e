"""The order of gates in a weight of a recurrence, which torch and ONNX do not share."""

from __future__ import annotations

# Position in torch's gate order of each ONNX gate.
GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN_TANH": (0,), "RNN_RELU": (0,)}
