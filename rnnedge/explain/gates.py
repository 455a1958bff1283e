"""The gates of every cell that is known: their letters, what they do, and which of them keeps the memory.

A new kind of cell is described here, by one entry of `CELLS`, and read out of torch by one function of `cells.py`.
Cells that stand in neither are shown by their states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge.explain._recording import Layer
from rnnedge_runtime.contract import Array

SHUT, OPEN = 0.1, 0.9


@dataclass(frozen=True)
class Gate:
    """One inner value. `low`, `high`: its range. `says`: what to read out of it.

    `keeps`: the share of the memory that it leaves, "value" or "complement" (1 - value), "" where it is something else.
    """

    letter: str
    says: str
    low: float = 0.0
    high: float = 1.0
    keeps: str = ""


CELLS: dict[str, dict[str, Gate]] = {
    "RNN": {},
    "GRU": {
        "update_gate": Gate(
            "z", "near 1 the unit holds its old value, near 0 it takes the candidate; a dark column is a frame that "
            "many units write down", keeps="value",
        ),
        "reset_gate": Gate(
            "r", "near 0 the candidate is made from the input alone, as if the sequence began here"
        ),
        "candidate": Gate("n", "the value that the unit would take if its update gate were 0", low=-1.0),
    },
    "minGRU": {
        "update_gate": Gate(
            "z", "near 1 the unit takes the candidate, near 0 it holds its old value", keeps="complement"
        ),
        "candidate": Gate("h", "the value that the unit would take if its update gate were 1", low=-1.0),
    },
    "minLSTM": {
        "forget_gate": Gate("f", "near 1 the unit holds its old value, near 0 it takes the candidate", keeps="value"),
        "candidate": Gate("h", "the value that the unit would take if its forget gate were 0", low=-1.0),
    },
    "LSTM": {
        "forget_gate": Gate(
            "f", "near 1 the cell keeps what it holds, near 0 it drops it; a row that stays near 1 is a unit that "
            "remembers", keeps="value",
        ),
        "input_gate": Gate("i", "near 1 the frame is written into the cell, near 0 it is ignored"),
        "output_gate": Gate("o", "near 1 the cell is shown to the layers above, near 0 it is held back"),
        "candidate": Gate("g", "what the frame would write into the cell", low=-1.0),
    },
}  # fmt: skip

# Cells whose hidden state is a tanh, possibly times a gate: it lies between -1 and 1.
TANH_STATES = frozenset({"GRU", "LSTM"})


def gate_of(layer: Layer, name: str) -> Gate:
    """The description of an inner value; one that nobody described is taken to lie between 0 and 1."""
    return CELLS.get(layer.cell, {}).get(name, Gate(name[:1], "an inner value of the cell"))


def kept_share(layer: Layer) -> tuple[str, Array] | None:
    """The name of the gate that keeps the memory, and the share that it leaves of it (time, unit), or None."""
    for name, values in layer.gates.items():
        keeps = gate_of(layer, name).keeps
        if keeps:
            return name, values if keeps == "value" else np.asarray(1 - values)
    return None
