"""Sequences that end within a call, long before the frames that the network waits for have come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from native_library import compile_library
from torch import Tensor, nn

from rnnedge_runtime import load


class Late(nn.Module):
    """A window of 81 frames around each, a recurrence whose last state is asked for, and every second frame."""

    def __init__(self) -> None:
        super().__init__()
        self.window, self.halves = nn.Conv1d(2, 4, 81, padding=40), nn.Conv1d(4, 3, 2, 2)
        self.gru = nn.GRU(4, 3, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (batch, time, 2) -> (batch, time // 2, 3), (batch, 3)."""
        z = torch.relu(self.window(x.transpose(1, 2)))
        return self.halves(z).transpose(1, 2), self.gru(z.transpose(1, 2))[1][0]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """The module, and its file with a library beside it."""
    torch.manual_seed(0)
    module, folder = Late().eval(), tmp_path_factory.mktemp("late")
    quickly.export(module, torch.zeros(1, 90, 2), folder / "net.onnx", form="native")
    compile_library((folder / "net.onnx").read_bytes(), folder)
    return module, folder / "net.onnx"


@pytest.mark.parametrize("provider", ["cpu", "native"])
def test_the_last_state_is_that_of_the_last_frame(exported: tuple[nn.Module, Path], provider: str) -> None:
    """For sequences of even and odd lengths, shorter and longer than the window."""
    module, path = exported
    model = load(path, provider=provider)
    assert [cursor.kind for cursor in model.contract.cursors] == ["last"]
    for length in (7, 50, 77, 91):
        x = torch.randn(1, length, 2)
        stream = model.stream()
        stream.push(x[0].numpy())
        found = stream.finish()[model.contract.outputs[1].name]
        np.testing.assert_allclose(found, module(x)[1].detach().numpy(), rtol=0, atol=1e-6)
