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
