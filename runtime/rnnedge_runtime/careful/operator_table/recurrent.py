"""Recurrent layers of d directions, g gates and h units: W (d, g * h, inputs), R (d, g * h, h), B (d, 2 * g * h)."""

from __future__ import annotations

from rnnedge_runtime.careful.operator_table.attributes import FLAG, LARGEST, Integer, Kind, Number, Numbers, Word, Words
from rnnedge_runtime.careful.operator_table.table import Row, rows

_ACTIVATIONS = (
    "Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu", "Softsign",
    "Softplus",
)  # fmt: skip
_ALL: dict[str, Kind] = {
    "activation_alpha": Numbers(),
    "activation_beta": Numbers(),
    "activations": Words(_ACTIVATIONS, 6),
    "clip": Number(0.0),
    "direction": Word(("forward", "reverse", "bidirectional")),
    "hidden_size": Integer(1, LARGEST),
    "layout": FLAG,
}

rows("RNN", Row((3, 6), (0, 2), (3, 4), True, _ALL))
rows("GRU", Row((3, 6), (0, 2), (3, 4), True, {**_ALL, "linear_before_reset": FLAG}))
rows("LSTM", Row((3, 8), (0, 3), (3, 4, 5, 6), True, {**_ALL, "input_forget": FLAG}))
