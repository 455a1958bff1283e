"""Types of results that no stream gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import ModelRefused


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int16])
def test_narrow_whole_numbers_are_no_output(kind: torch.dtype, tmp_path: Path) -> None:
    """What takes the place of them is said."""

    class Steps(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x * 3).round().clamp(0, 9).to(kind)

    with pytest.raises(ModelRefused, match=rf"Steps: an output is {kind}, .* let it end with \.int\(\)"):
        quickly.export(Steps(), torch.randn(1, 8, 3), tmp_path / "m.onnx")
