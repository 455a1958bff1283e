"""Models whose outputs say which sample they heard."""

from __future__ import annotations

from pathlib import Path

import pytest
import quickly
import torch

from rnnedge_runtime import Model, load

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"


class Smooth(torch.nn.Module):
    """Each sample becomes a weighted sum of five: two before and two after it, most of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv1d(1, 1, 5, padding=2, bias=False)
        self.conv.weight.data[:] = torch.tensor([0.1, 0.2, 1.0, 0.2, 0.1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x.transpose(1, 2)).transpose(1, 2)


@pytest.fixture(scope="session")
def smooth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes samples at 16 kHz and looks two samples ahead."""
    path = tmp_path_factory.mktemp("live") / "smooth.onnx"
    quickly.export(Smooth(), torch.zeros(1, 32, 1), path, frame_rate_hz=16000.0)
    return path


@pytest.fixture
def gru() -> Model:
    """A GRU of 4 features with labels."""
    return load(GOLDEN)
