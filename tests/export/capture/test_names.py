"""Inputs, outputs and states have the names that the module gives them, whatever else has one of these names."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import quickly
import torch
from in_one_test import in_one_test
from torch import Tensor, nn

from rnnedge_runtime import load
from rnnedge_runtime.errors import ModelRefused

Results = Callable[[Tensor, Tensor], Any]


class Both(NamedTuple):
    """Two results, one of them called like an input."""

    x: Tensor
    last: Tensor


@dataclass
class Answer:
    """What libraries of models answer with: much of it is absent."""

    y: Tensor
    loss: Tensor | None = None
    parts: tuple[Tensor, ...] = ()


class Net(nn.Module):
    """A GRU, and what `results` makes of its input and output."""

    def __init__(self, results: Results) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 4, batch_first=True)
        self.results = results

    def forward(self, x: Tensor) -> Any:
        return self.results(x, self.gru(x)[0])


class CalledY(Net):
    """The same, with an input called like an output."""

    def forward(self, y1: Tensor) -> Any:  # type: ignore[override]
        return self.results(y1, self.gru(y1)[0])


CASES: dict[str, tuple[Net, list[str], list[str]]] = {
    "an input": (CalledY(lambda x, y: (y, 2 * y, x)), ["y", "y1_out", "y2"], ["gru.l0.h"]),
    "an input, and the name in its place": (
        Net(lambda x, y: {"x": y, "x_out": x}), ["x_out_out", "x_out"], ["gru.l0.h"]
    ),
    "states": (
        Net(lambda x, y: {"gru.l0.h": y, "gru.l0.h_next": 2 * y}), ["gru.l0.h", "gru.l0.h_next"], ["gru.l0.h#1"]
    ),
    "weights and inner values": (
        Net(lambda x, y: {"gru.R0": y, "val_14": 2 * y, "gru.weight_hh_l0": 3 * y}),
        ["gru.R0", "val_14", "gru.weight_hh_l0"],
        ["gru.l0.h"],
    ),
    "named tuple": (Net(lambda x, y: Both(y, y[:, -1])), ["x_out", "last"], ["gru.l0.h"]),
    "dataclass": (Net(lambda x, y: Answer(y, None, (2 * y, 3 * y))), ["y", "parts.0", "parts.1"], ["gru.l0.h"]),
    "None": (Net(lambda x, y: (y, None, {"twice": 2 * y})), ["y", "twice"], ["gru.l0.h"]),
    "no identifiers": (Net(lambda x, y: {"a/b c": y, "class": 2 * y, 3: x}), ["a/b c", "class", "3"], ["gru.l0.h"]),
}  # fmt: skip


@in_one_test("name", CASES)
def test_names_that_meet_are_told_apart(name: str, tmp_path: Path) -> None:
    """The proof compares every output by its name."""
    net, outputs, states = CASES[name]
    quickly.export(net.eval(), torch.randn(2, 9, 4), tmp_path / "net.onnx")
    contract = load(tmp_path / "net.onnx").contract
    assert [port.name for port in contract.outputs] == outputs
    assert [state.input for state in contract.states] == states


@in_one_test("results, words", [(lambda x, y: None, "expected a tensor"), (lambda x, y: (y, 0.5), "'y1'.*float")])
def test_a_result_that_is_no_tensor_is_refused(results: Results, words: str, tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(ModelRefused, match=words):
        quickly.export(Net(results).eval(), torch.randn(2, 9, 4), tmp_path / "net.onnx")


class Loop(nn.Module):
    """A loop over frames around two parts of other names than their kind."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"inner": first})
        self.rnn = second

    def forward(self, x: Tensor) -> Tensor:
        """The second reads what the first gives."""
        before = after = None
        outputs = []
        for frame in x.unbind(1):
            before = _step(self.encoder["inner"], frame, before)
            after = _step(self.rnn, before[0] if isinstance(before, tuple) else before, after)
            outputs.append(after[0] if isinstance(after, tuple) else after)
        return torch.stack(outputs, 1)


def _step(part: nn.Module, frame: Tensor, state: Any) -> Any:
    if isinstance(part, nn.RNNCellBase):
        return part(frame, state)
    y, state = part(frame[:, None], None if state is None else state[1])
    return y[:, 0], state


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (nn.LSTMCell(5, 6), nn.GRUCell(6, 6), ["encoder.inner.h", "encoder.inner.c", "rnn.h"]),
        (nn.RNNCell(5, 6), nn.GRU(6, 6, num_layers=2, batch_first=True), ["encoder.inner.h", "rnn.l0.h", "rnn.l1.h"]),
    ],
)
def test_states_of_a_loop_are_called_by_its_cells(
    first: nn.Module, second: nn.Module, expected: list[str], tmp_path: Path
) -> None:
    """Although the loop is written anew, so that its nodes come from no module."""
    report = quickly.export(Loop(first, second).eval(), torch.zeros(1, 8, 5), tmp_path / "net.onnx")
    assert [state.input for state in report.contract.states] == expected


class Backwards(nn.Module):
    """Cells that are called in another order than they were made."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.GRUCell(5, 5)
        self.second = copy.deepcopy(self.first)

    def forward(self, x: Tensor) -> Tensor:
        """The second one is below."""
        below = above = None
        outputs = []
        for frame in x.unbind(1):
            below = self.second(frame, below)
            above = self.first(below, above)
            outputs.append(above)
        return torch.stack(outputs, 1)


def _copies(layer: nn.Module) -> list[nn.Module]:
    return [layer, copy.deepcopy(layer)]


class Stacked(nn.Module):
    """Layers one after the other."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """What the last one gives."""
        for layer in self.layers:
            x = layer(x)[0]
        return x


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (Loop(*_copies(nn.GRUCell(5, 5))), {"encoder.inner.h", "rnn.h"}),
        (Stacked(_copies(nn.GRU(5, 5, batch_first=True))), {"layers.0.l0.h", "layers.1.l0.h"}),
        (Backwards(), {"first.h", "second.h"}),
    ],
    ids=["loop", "layers", "backwards"],
)
def test_copies_of_a_layer_have_states_of_their_own(module: nn.Module, expected: set[str], tmp_path: Path) -> None:
    """As those have that nobody has trained yet: a graph has their equal weights once."""
    report = quickly.export(module.eval(), torch.zeros(1, 8, 5), tmp_path / "net.onnx")
    assert {state.input for state in report.contract.states} == expected
