"""What refuses a node says the line of the module's code that it comes from, and torch's name of the operator."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from rnnedge_export import export
from rnnedge_runtime.errors import ModelRefused


class Whitened(nn.Module):
    """Less the mean of the whole sequence, behind a layer and in front of one."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.GRU(3, 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        centered = y - y.mean(1, keepdim=True)
        return self.second(centered)[0]


class Backwards(nn.Module):
    """A loop over time, of a sequence that is turned round after a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.cell = nn.Conv1d(3, 3, 1), nn.GRUCell(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x.transpose(1, 2)).transpose(1, 2)
        turned = y.flip(1)
        h, ys = x.new_zeros(x.shape[0], 3), []
        for t in range(x.shape[1]):
            h = self.cell(turned[:, t], h)
            ys.append(h)
        return torch.stack(ys, 1)


@pytest.mark.parametrize(
    ("module", "code"),
    [
        (Whitened(), r"test_refused_lines\.py:\d+ `centered = y - y\.mean\(1, keepdim=True\)` \(torch\.sub\)$"),
        (Backwards(), r"test_refused_lines\.py:\d+ `turned = y\.flip\(1\)` \(torch\.flip\)$"),
    ],
)
def test_a_refusal_names_the_line(module: nn.Module, code: str, tmp_path: Path) -> None:
    """In plain code and around a loop that is rolled."""
    with pytest.raises(ModelRefused, match=code):
        export(module.eval(), torch.randn(1, 12, 3), tmp_path / "m.onnx")
