"""Inner values of the recurrences of torch, frame by frame: each cell's equations, one function per cell.

A new cell is read out by one function under `@reads(ItsClass)`, and its gates are described in `gates.CELLS`; those of
`rnnedge.nn` stand in `own_cells`. A module that nobody reads out, and that gives (y, state) for a sequence, is shown by
its y.

Equations: torch.nn.RNN, GRU, LSTM as documented; projections of Sak, Senior & Beaufays, 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

State = Any


@dataclass(frozen=True)
class Inner:
    """float32 (batch, time, unit) each; the first of `states` is what the cell remembers by."""

    cell: str
    states: Mapping[str, Tensor]
    gates: Mapping[str, Tensor]


Reader = Callable[[Any, Tensor, State], Inner]
"""(module of one layer, x (batch, time, feature), state or None) -> what happened inside."""

READERS: dict[type[nn.Module], Reader] = {}
# Puts the states of one frame, (batch, unit) by name, together as the module takes them.
STARTS: dict[type[nn.Module], Callable[[Mapping[str, Tensor]], State]] = {}


def reads(kind: type[nn.Module], start: Callable[[Mapping[str, Tensor]], State]) -> Callable[[Reader], Reader]:
    """Register the function that reads out modules of class `kind`, and how their state is made of its parts."""

    def register(reader: Reader) -> Reader:
        READERS[kind], STARTS[kind] = reader, start
        return reader

    return register


def reader_of(module: nn.Module) -> Reader | None:
    """The function for a module, or for the class that it extends without a `forward` of its own."""
    for kind, reader in READERS.items():
        if isinstance(module, kind) and type(module).forward is kind.forward:
            return reader
    return None


def start_of(module: nn.Module, values: Mapping[str, Tensor]) -> State:
    """The state that a module of one layer begins with, from the states of a frame."""
    for kind, start in STARTS.items():
        if isinstance(module, kind):
            return start(values)
    return values["hidden"]


@reads(nn.GRU, start=lambda values: values["hidden"][None])
def gru(module: nn.GRU, x: Tensor, state: State) -> Inner:
    """r, z, n of Cho et al. 2014 in the variant of torch; h_t = (1 - z_t) n_t + z_t h_{t-1}."""
    w_hh, b_hh = _weight(module, "weight_hh"), _weight(module, "bias_hh")
    h = _first(state, x, module.hidden_size)
    rows: dict[str, list[Tensor]] = {"hidden": [], "reset_gate": [], "update_gate": [], "candidate": []}
    for x_t in nn.functional.linear(x, _weight(module, "weight_ih"), _weight(module, "bias_ih")).unbind(1):
        (x_r, x_z, x_n), (h_r, h_z, h_n) = x_t.chunk(3, -1), nn.functional.linear(h, w_hh, b_hh).chunk(3, -1)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        h = (1 - z) * n + z * h
        for row, value in zip(rows.values(), (h, r, z, n), strict=True):
            row.append(value)
    return stacked("GRU", rows, ("hidden",))


@reads(nn.LSTM, start=lambda values: (values["hidden"][None], values["cell"][None]))
def lstm(module: nn.LSTM, x: Tensor, state: State) -> Inner:
    """i, f, g, o; c_t = f_t c_{t-1} + i_t g_t; h_t = o_t tanh(c_t), times W_hr if there is a projection."""
    w_hh, b_hh = _weight(module, "weight_hh"), _weight(module, "bias_hh")
    projection = _weight(module, "weight_hr") if module.proj_size else None
    h0, c0 = state if state is not None else (None, None)
    h, c = _first(h0, x, module.proj_size or module.hidden_size), _first(c0, x, module.hidden_size)
    names = ("cell", "hidden", "input_gate", "forget_gate", "candidate", "output_gate")
    rows: dict[str, list[Tensor]] = {name: [] for name in names}
    for x_t in nn.functional.linear(x, _weight(module, "weight_ih"), _weight(module, "bias_ih")).unbind(1):
        i, f, g, o = (x_t + nn.functional.linear(h, w_hh, b_hh)).chunk(4, -1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * c + i * g
        h = o * torch.tanh(c)
        h = h if projection is None else nn.functional.linear(h, projection)
        for row, value in zip(rows.values(), (c, h, i, f, g, o), strict=True):
            row.append(value)
    return stacked("LSTM", rows, ("cell", "hidden"))


@reads(nn.RNN, start=lambda values: values["hidden"][None])
def rnn(module: nn.RNN, x: Tensor, state: State) -> Inner:
    """The hidden state is all there is."""
    y, _ = module(x if module.batch_first else x.transpose(0, 1), state)
    return Inner("RNN", {"hidden": y if module.batch_first else y.transpose(0, 1)}, {})


def plain(module: nn.Module, x: Tensor, state: State) -> Inner:
    """Any other recurrence, batch first: what it gives for every frame."""
    y, _ = module(x) if state is None else module(x, state)
    return Inner(type(module).__name__, {"hidden": y}, {})


def _weight(module: nn.RNNBase, name: str) -> Any:
    """None where a layer has no bias."""
    return getattr(module, f"{name}_l0", None)


def _first(state: Tensor | None, x: Tensor, units: int) -> Tensor:
    """The state (batch, unit) before the first frame, from (1, batch, unit)."""
    return x.new_zeros(x.shape[0], units) if state is None else state[0]


def stacked(cell: str, rows: Mapping[str, list[Tensor]], states: tuple[str, ...]) -> Inner:
    """Frames (batch, unit) by name, put together along time; `states` names those that are no gates."""
    found = {name: torch.stack(row, 1) for name, row in rows.items()}
    return Inner(
        cell, {n: v for n, v in found.items() if n in states}, {n: v for n, v in found.items() if n not in states}
    )
