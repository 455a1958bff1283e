"""Regions that narrow numbers to train fast are exported in float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import ModelRefused, load


class Plain(nn.Module):
    """A GRU and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gru = nn.GRU(4, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        y: Tensor = self.head(self.gru(x)[0])
        return y


class Decorated(Plain):
    """The whole forward is a region."""

    @torch.autocast("cpu")
    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        return super().forward(x)


class Region(Plain):
    """A part of it is, in half precision."""

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        with torch.autocast("cpu", dtype=torch.float16):
            y = self.head(self.gru(x)[0])
        return y.float()


class Narrow(Plain):
    """Gives what no array has."""

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        return super().forward(x).bfloat16()


@pytest.mark.parametrize("module", [Decorated(), Region()])
def test_a_region_is_exported_in_float32(module: nn.Module, tmp_path: Path) -> None:
    """Also where the caller is in one; both work as before afterwards."""
    x = torch.randn(1, 9, 4)
    with torch.autocast("cpu"):
        quickly.export(module.eval(), x, tmp_path / "net.onnx")
        assert torch.is_autocast_enabled("cpu")
        assert Plain().head(x.new_zeros(1, 6)).dtype == torch.bfloat16
    expected = Plain().eval()(x)[0].detach().numpy()
    np.testing.assert_allclose(load(tmp_path / "net.onnx").stream().push(x[0].numpy()), expected, atol=1e-6)


def test_an_output_that_no_array_has_is_refused(tmp_path: Path) -> None:
    """With what to write."""
    with pytest.raises(ModelRefused, match=r"an output is torch.bfloat16, .* let it end with .float\(\)"):
        quickly.export(Narrow(), torch.zeros(1, 8, 4), tmp_path / "net.onnx")
