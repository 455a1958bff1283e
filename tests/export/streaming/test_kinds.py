"""Operators that stream by their kind alone, without a rule of their own."""

from __future__ import annotations

from pathlib import Path

import onnx
import quickly
import torch
from torch import Tensor, nn


class OfAKind(nn.Module):
    """A recurrence, and operators that no rule names, within their domains; x (batch, time, 3)."""

    def __init__(self) -> None:
        """With random weights."""
        super().__init__()
        self.rnn = nn.GRU(3, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Give (batch, time, 4)."""
        y, _ = self.rnn(x)
        bits = torch.bitwise_xor((y * 7.5).to(torch.int64), torch.tensor(5)).to(y.dtype)
        return torch.acosh(2.5 + y) + torch.asinh(y) + torch.atanh(0.5 * y) + bits


def test_an_operator_streams_by_its_kind(tmp_path: Path) -> None:
    """Inverse hyperbolic functions and bits are pointwise and broadcasting: the file has them, and is proven."""
    torch.manual_seed(0)
    quickly.export(OfAKind(), torch.randn(1, 9, 3), tmp_path / "net.onnx")
    found = {node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node}
    assert {"Acosh", "Asinh", "Atanh", "BitwiseXor"} <= found
