"""Which inner values are asked for, and what each cell has.

| cell | state        | gates                                             |
|------|--------------|---------------------------------------------------|
| RNN  | hidden       |                                                   |
| GRU  | hidden       | reset_gate, update_gate, candidate                |
| LSTM | hidden, cell | input_gate, forget_gate, output_gate, candidate   |
| Scan | every state  |                                                   |

The native GRU and LSTM operators give the hidden state of every frame, and keep the rest to themselves; a Scan gives
all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

GATES: dict[str, tuple[str, ...]] = {
    "RNN": (),
    "GRU": ("reset_gate", "update_gate", "candidate"),
    "LSTM": ("input_gate", "forget_gate", "output_gate", "candidate"),
}
STATES: dict[str, tuple[str, ...]] = {"RNN": ("hidden",), "GRU": ("hidden",), "LSTM": ("hidden", "cell")}


def values_of(kind: str, asked: Sequence[str]) -> dict[str, str]:
    """The values of a native operator that are asked for, with "state" or "gate" for each; states come first."""
    states = dict.fromkeys(STATES[kind], "state") if "state" in asked else {}
    return states | (dict.fromkeys(GATES[kind], "gate") if "gates" in asked else {})


def needs_scan(kind: str, asked: Sequence[str]) -> bool:
    """Whether the native operator hides something of what is asked for."""
    return any(value != "hidden" for value in values_of(kind, asked))
