"""Pictures of a video: enlarged one by one, with time and the batch in one axis; and a state with channels last."""

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


class ChannelsLast(nn.Module):
    """A convolutional state that begins with zeros, over pictures with channels last (spatiotemporal LSTMs)."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, height, width, 2), both; an output is a part of the next input."""
        frames = x.permute(0, 1, 4, 2, 3)
        h, y, found = torch.zeros(frames.shape[0], *frames.shape[2:]), None, []
        for t in range(frames.shape[1]):
            frame = frames[:, t] if t == 0 else frames[:, t] - 0.5 * y
            h = torch.tanh(self.cell(torch.cat([frame, h], 1)))
            y = h * frames[:, t]
            found.append(y)
        return torch.stack(found, 0).permute(1, 0, 3, 4, 2)


def test_a_state_of_pictures_may_lie_in_any_order(tmp_path: Path) -> None:
    """What is carried lies as the pictures do, and not as the zeros that it begins with."""
    x, module = torch.randn(1, 9, 3, 4, 2), ChannelsLast().eval()
    quickly.export(module, x[:, :4], tmp_path / "net.onnx")
    found = load(tmp_path / "net.onnx").run(x[0].numpy())
    with torch.no_grad():
        np.testing.assert_allclose(found, module(x)[0].numpy(), rtol=0, atol=2e-6)
