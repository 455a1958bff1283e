"""How many frames a module gives, returned next to them, is no output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_export.capture import read_example
from rnnedge_export.verification.left_out import check_lengths
from rnnedge_runtime import load

_OTHER_KINDS = {
    "a float": lambda x: float(x.shape[1]),
    "seconds": lambda x: x.shape[1] * 0.01,
    "a list": lambda x: [x.shape[1]] * x.shape[0],
    "floats": lambda x: torch.full((x.shape[0],), 1.0) * x.shape[1],
    "narrow": lambda x: torch.full((x.shape[0],), x.shape[1], dtype=torch.int16),
    "a shape": lambda x: x.shape,
    "the batch": lambda x: x.shape[0],
    "a flag": lambda x: True,
    "a mean": lambda x: x.mean((1, 2)),
    "what is no padding": lambda x: (x != 0).any(-1).sum(1),
    "what is finite": lambda x: x.isfinite().all(-1).sum(1),
    "what is quiet": lambda x: (x.abs() < 1e6).all(-1).sum(1),
    "what is quiet, as a float": lambda x: x.new_full((x.shape[0],), 1.0) * (x.abs() < 1e6).all(-1).sum(1),
    "of sizes of frames": lambda x: x.new_full((x.shape[0],), x.shape[1]) + torch.zeros_like(x[:, 0, 0]),
}


class Lengths(nn.Module):
    """Returns how many frames it gives: of every sequence, as one number, and by name."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.gru = kind, nn.GRU(3, 4, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        y = self.gru(x)[0]
        if self.kind == "of every sequence":
            return y, torch.full((x.shape[0],), x.shape[1], dtype=torch.int64)
        if self.kind == "halved":
            lengths = torch.full((x.shape[0],), x.shape[1])
            return y[:, ::2], (lengths + 1) // 2
        if self.kind == "of values":
            return y, (y.abs() > 0.1).sum((1, 2))
        if self.kind in _OTHER_KINDS:
            return y, _OTHER_KINDS[self.kind](x)
        return {"y": y, "length": y.shape[1]} if self.kind == "by name" else (y, y.argmax(-1).sum() * 0 + 7)


def test_lengths_are_found() -> None:
    """Numbers of values, and those that no length changes, are none."""
    found = {
        kind: read_example(torch.randn(2, 8, 3), 0, 1, Lengths(kind)).lengths
        for kind in ("of every sequence", "halved", "of values", "by name", "always 7")
    }
    assert found == {
        "of every sequence": (1,), "halved": (1,), "of values": (), "by name": ("length",), "always 7": (),
    }  # fmt: skip


def test_lengths_are_numbers_of_any_kind() -> None:
    """In what holds one of them for each sequence."""
    found = {kind: read_example(torch.randn(2, 8, 3), 0, 1, Lengths(kind)).lengths for kind in _OTHER_KINDS}
    lengths = ("a float", "seconds", "a list", "floats", "narrow", "of sizes of frames")
    assert found == {kind: (1,) if kind in lengths else () for kind in _OTHER_KINDS}


class Padded(nn.Module):
    """Returns how many tokens are none of padding, or how many tokens there are."""

    def __init__(self, *, counts: bool) -> None:
        super().__init__()
        self.counts, self.table = counts, nn.Embedding(9, 3)

    def forward(self, tokens: Tensor) -> Any:
        return self.table(tokens), (tokens != 0).sum(1) if self.counts else tokens.shape[1]


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("tokens", [torch.arange(16).reshape(2, 8) % 5, torch.ones(1, 8, dtype=torch.int64)])
def test_a_count_of_tokens_is_an_output(counts: bool, tokens: Tensor) -> None:
    """Whatever tokens the example has."""
    module, example = Padded(counts=counts), read_example(tokens, 0, 1)
    assert read_example(tokens, 0, 1, module).lengths == (() if counts else (1,))
    assert check_lengths(module, replace(example, lengths=(1,))).passed is not counts


@pytest.mark.parametrize("kind", ["of every sequence", pytest.param("by name", marks=pytest.mark.long)])
def test_lengths_are_left_out(kind: str, tmp_path: Path) -> None:
    """A stream knows how many frames it has given."""
    quickly.export(Lengths(kind).eval(), torch.randn(2, 8, 3), tmp_path / "net.onnx")
    assert [port.name for port in load(tmp_path / "net.onnx").contract.outputs] == ["y"]


def test_a_length_that_is_none_does_not_pass() -> None:
    """The proof tries what the capture found, again."""
    module, example = Lengths("of values"), read_example(torch.randn(2, 8, 3), 0, 1)
    assert not check_lengths(module, replace(example, lengths=(1,))).passed
    assert check_lengths(Lengths("halved"), replace(example, lengths=(1,))).passed
