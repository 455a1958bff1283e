"""A cache or state that a module returns and takes back is no output, whatever its name, rank and form."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import quickly
import torch
from in_one_test import in_one_test
from torch import Tensor, nn

from rnnedge_export.capture import read_example
from rnnedge_runtime import load
from rnnedge_runtime.errors import ModelRefused

_X = torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(0))


class Convolutions(nn.Module):
    """Two of them, each with a cache of its own; `forward` of the others only hands these on."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(4, 4, 3), nn.Conv1d(4, 4, 5)

    def both(self, x: Tensor, a: Tensor | None, b: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        z = x.transpose(1, 2)
        z = torch.cat([z.new_zeros(z.shape[0], 4, 2) if a is None else a, z], 2)
        after_a, z = z[:, :, -2:], self.a(z)
        z = torch.cat([z.new_zeros(z.shape[0], 4, 4) if b is None else b, z], 2)
        return self.b(z).transpose(1, 2), after_a, z[:, :, -4:]


class TwoCaches(Convolutions):
    def forward(self, x: Tensor, left: Tensor | None = None, past: Tensor | None = None) -> Any:
        return self.both(x, left, past)


class OfATuple(Convolutions):
    def forward(self, x: Tensor, memories: Any = None) -> Any:
        y, *after = self.both(x, *(memories or (None, None)))
        return y, after


class ByKey(Convolutions):
    def forward(self, x: Tensor, memory: Any = None) -> Any:
        y, a, b = self.both(x, *(memory.values() if memory else (None, None)))
        return {"memory": {"a": a, "b": b}, "y": y}


class Answer(NamedTuple):
    """A result by name."""

    y: Tensor
    turned: Tensor


class Turned(nn.Module):
    """The batch of its state is on axis 2."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 6, batch_first=True)

    def forward(self, x: Tensor, turned: Tensor | None = None) -> Answer:
        y, h = self.gru(x, None if turned is None else turned.transpose(1, 2).contiguous())
        return Answer(y, h.transpose(1, 2))


class NoState(nn.Module):
    """Its second result is none: given back it changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 6, batch_first=True)

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Any:
        y, h = self.gru(x)
        return y, h[-1]


class LastFrames(nn.Module):
    """Returns frames that it does not take back."""

    def forward(self, x: Tensor) -> Any:
        return torch.tanh(x), x[:, -2:]


@in_one_test("kind", [TwoCaches, OfATuple, ByKey, Turned])
def test_what_continues_the_sequence_is_no_output(kind: type[nn.Module], tmp_path: Path) -> None:
    """A stream has one output, and the states are its own."""
    quickly.export(kind().eval(), _X, tmp_path / "net.onnx")
    contract = load(tmp_path / "net.onnx").contract
    assert [port.name for port in contract.outputs] == ["y"] and contract.states


def test_states_of_the_example_are_found_among_several_results(tmp_path: Path) -> None:
    """By their shapes, and by trying."""
    example = (_X, torch.zeros(2, 4, 2), torch.zeros(2, 4, 4))
    assert read_example(example, 0, 1, TwoCaches().eval()).returned == (1, 2)
    quickly.export(TwoCaches().eval(), example, tmp_path / "net.onnx")
    assert [port.name for port in load(tmp_path / "net.onnx").contract.outputs] == ["y"]


def test_another_result_stays_an_output() -> None:
    """An optional argument that takes it makes it no state."""
    assert read_example(_X, 0, 1, NoState().eval()).returned == ()


def test_frames_that_are_not_taken_back_are_refused_with_what_to_do(tmp_path: Path) -> None:
    """They are a cache for other code."""
    with pytest.raises(ModelRefused, match="return the result only"):
        quickly.export(LastFrames(), _X, tmp_path / "net.onnx")
