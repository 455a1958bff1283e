"""Recurrent layers. W (directions, gates * hidden, inputs), R (directions, gates * hidden, hidden), B (d, 2 g h)."""

from __future__ import annotations

from rnnedge_runtime.untrusted.operator_table.attributes import (
    FLAG,
    LARGEST,
    Integer,
    Kind,
    Number,
    Numbers,
    Word,
    Words,
)
from rnnedge_runtime.untrusted.operator_table.node import Node
from rnnedge_runtime.untrusted.operator_table.shapes import Dim, fits, known_rank, one
from rnnedge_runtime.untrusted.operator_table.table import Row, Shapes, rows

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
# Gates, and functions of a direction.
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_FUNCTIONS = {"RNN": 1, "GRU": 2, "LSTM": 3}


def _layer(node: Node) -> Shapes:
    """One hidden size in W, R, B, states and peepholes, one batch in X, lengths and states."""
    gates, directions = _GATES[node.operator], 2 if node.get("direction", "forward") == "bidirectional" else 1
    x, w, r = (known_rank(node, k, 3) or (None,) * 3 for k in range(3))
    hidden = one(node, (node.get("hidden_size"), r[2]), "hidden_size and the units of R")
    frames, batch = (x[1], x[0]) if node.get("layout", 0) else (x[0], x[1])
    inputs = one(node, (x[2], w[2]), "features of X and of W")
    if 0 in (frames, batch, inputs):
        node.refuse("at least one frame, sequence and feature", x)

    def units(count: int) -> Dim:
        return None if hidden is None else count * hidden

    fits(node, w, (directions, units(gates), inputs), "W")
    fits(node, r, (directions, units(gates), hidden), "R")
    fits(node, node.shape(3), (directions, units(2 * gates)), "B")
    fits(node, node.shape(4), (batch,), "sequence_lens")
    state = (batch, directions, hidden) if node.get("layout", 0) else (directions, batch, hidden)
    for k in (5, 6):
        fits(node, node.shape(k), state, "an initial state")
    fits(node, node.shape(7), (directions, units(3)), "peepholes")
    _lengths(node, frames)
    given = node.get("activations", ())
    if given and len(given) != directions * _FUNCTIONS[node.operator]:
        node.refuse(f"{directions * _FUNCTIONS[node.operator]} activations", list(given))
    every = (batch, frames, directions, hidden) if node.get("layout", 0) else (frames, directions, batch, hidden)
    return (every, state, state)


def _lengths(node: Node, frames: Dim) -> None:
    lengths = node.constant(4)
    if lengths is not None and lengths.size and (lengths.min() < 1 or (frames is not None and lengths.max() > frames)):
        node.refuse("sequence_lens of 1 to the frames", lengths.ravel()[:8].tolist())


rows("RNN", Row((3, 6), (0, 2), (3, 4), True, _ALL, shapes=_layer))
rows("GRU", Row((3, 6), (0, 2), (3, 4), True, {**_ALL, "linear_before_reset": FLAG}, shapes=_layer))
rows("LSTM", Row((3, 8), (0, 3), (3, 4, 5, 6), True, {**_ALL, "input_forget": FLAG}, shapes=_layer))
