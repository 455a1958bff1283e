"""Pictures of a video are enlarged one by one, with time and the batch in one axis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import quickly
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_runtime import load


class Enlarged(nn.Module):
    """Smaller pictures, enlarged again and cut, as the decoder of a segmentation has it."""

    def forward(self, x: Tensor) -> Tensor:
        small = functional.avg_pool2d(x.flatten(0, 1), 2, ceil_mode=True)
        large = functional.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
        return large[..., : x.shape[3], : x.shape[4]].unflatten(0, x.shape[:2])


def test_pictures_are_enlarged_one_by_one(tmp_path: Path) -> None:
    """A linear interpolation over pixels is none over time."""
    x = torch.randn(1, 9, 2, 5, 4)
    quickly.export(Enlarged(), x[:, :4], tmp_path / "net.onnx")
    found = load(tmp_path / "net.onnx").run(x[0].numpy())
    np.testing.assert_allclose(found, Enlarged()(x)[0].numpy(), rtol=0, atol=2e-6)
