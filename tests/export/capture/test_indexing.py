"""Places along an axis, by a list, a buffer, or a table of windows, stream as the cuts that they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import quickly
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_runtime import load


class Places(nn.Module):
    """(batch, time, 4) -> (batch, time, 20): of features, of pairs of them, and of the last three frames."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 4, batch_first=True)
        self.register_buffer("order", torch.tensor([2, 0, -1]))
        self.register_buffer("pairs", torch.tensor([[0, 1], [1, 3]]))

    def forward(self, x: Tensor) -> Tensor:
        y = self.gru(x)[0]
        late = functional.pad(y, (0, 0, 2, 0))
        frames = torch.arange(y.shape[1])[:, None] + torch.arange(3)
        parts = [
            y[..., [0]] * y, y[:, :, self.pairs].flatten(2)[..., [0]], late[:, frames].flatten(2),
            y.transpose(1, 2)[:, self.order].transpose(1, 2) + y[:, :, self.order],
        ]  # fmt: skip
        return torch.cat(parts, -1)


def test_places_along_an_axis_stream(tmp_path: Path) -> None:
    """Equal PyTorch, in pieces."""
    torch.manual_seed(0)
    module, x = Places().eval(), torch.randn(1, 19, 4)
    quickly.export(module, torch.randn(1, 12, 4), tmp_path / "m.onnx")
    stream = load(tmp_path / "m.onnx").stream()
    found = np.concatenate([stream.push(x[0, :5].numpy()), stream.push(x[0, 5:].numpy()), stream.finish()])
    np.testing.assert_allclose(found, module(x)[0].detach().numpy(), rtol=0, atol=1e-6)
