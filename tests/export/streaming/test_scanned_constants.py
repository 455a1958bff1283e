"""What a loop reads next to frames: constants that are made for every frame, and the size of the batch."""

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


class Bands(nn.Module):
    """Bands next to the sequences, and products in the loop whose sizes are as many times the batch, or the batch."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 3), both."""
        batch, n, bands = x.shape
        frames = (x[..., None] * torch.arange(1.0, 3.0)).permute(0, 2, 1, 3).reshape(batch * bands, n, 2)
        state, ys = x.new_zeros(batch * bands, 2, 2), []
        for t in range(n):
            state = 0.5 * state + torch.einsum("bi,bj->bij", frames[:, t], frames[:, t])
            y = torch.tanh(torch.einsum("bij,bj->bi", state, frames[:, t]))
            ys.append(y.reshape(batch, bands, 2).sum(-1))
        return torch.stack(ys, 1)


def test_the_batch_is_read_from_frames_with_bands_in_it(tmp_path: Path) -> None:
    """Of two streams at once, in pieces."""
    x = torch.randn(2, 23, 3)
    quickly.export(Bands(), torch.randn(1, 12, 3), tmp_path / "m.onnx")
    stream, frames = load(tmp_path / "m.onnx").stream(batch=2), x.numpy()
    found = np.concatenate([stream.push(frames[:, :5]), stream.push(frames[:, 5:]), stream.finish()], 1)
    np.testing.assert_allclose(found, Bands()(x).numpy(), rtol=0, atol=1e-6)
