"""A loop reads constants that are made for every frame next to frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import load


class Steps(nn.Module):
    """Relaxes towards each frame, by steps of one size for all frames, and the imaginary part of what is real."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 4), both."""
        sizes, imaginary = torch.full((x.shape[1],), 0.1), torch.zeros_like(x)
        h, ys = torch.zeros_like(x[:, 0]), []
        for frame, other, size in zip(x.unbind(1), imaginary.unbind(1), sizes, strict=True):
            h = h + size * (frame - torch.tanh(h) * (1 + other))
            ys.append(h)
        return torch.stack(ys, 1)


def test_constants_of_every_frame_are_scanned(tmp_path: Path) -> None:
    """One with a batch and one without, in pieces of any size."""
    x = torch.randn(1, 31, 4)
    quickly.export(Steps(), torch.randn(2, 12, 4), tmp_path / "m.onnx")
    stream, frames = load(tmp_path / "m.onnx").stream(), x[0].numpy()
    found = np.concatenate([stream.push(frames[:5]), stream.push(frames[5:]), stream.finish()])
    np.testing.assert_allclose(found, Steps()(x)[0].numpy(), rtol=0, atol=1e-6)
