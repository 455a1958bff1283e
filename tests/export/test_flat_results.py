"""Language models that give the rows of all frames of all sequences, as a loss takes them, give frames in a stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import load


class Language(nn.Module):
    """Logits of (batch * time, tokens), and of which token they are highest; the state is given back."""

    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.embedding, self.out = nn.Embedding(20, 4), nn.Linear(5, 20)
        self.rnn = nn.LSTM(4, 5, batch_first=batch_first)

    def forward(
        self, tokens: Tensor, hidden: tuple[Tensor, Tensor] | None = None
    ) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor]]:
        y, hidden = self.rnn(self.embedding(tokens), hidden)
        logits = self.out(y.reshape(-1, 5))
        return {"logits": logits, "best": logits.argmax(-1)}, hidden


@pytest.mark.parametrize("batch_first", [True, pytest.param(False, marks=pytest.mark.long)])
def test_rows_of_all_frames_are_frames(batch_first: bool, tmp_path: Path) -> None:
    """Whichever of batch and time is the outer one."""
    torch.manual_seed(0)
    module, axis = Language(batch_first=batch_first).eval(), 0 if batch_first else 1
    tokens = torch.randint(0, 20, (2, 15) if batch_first else (15, 2))
    quickly.export(module, tokens, tmp_path / "net.onnx", batch_axis=axis, time_axis=1 - axis)
    model = load(tmp_path / "net.onnx")
    for row in tokens.unbind(axis):
        with torch.no_grad():
            expected, _ = module(row.unsqueeze(axis))
        found = model.run(row.numpy())
        np.testing.assert_allclose(found["logits"], expected["logits"].numpy(), rtol=0, atol=2e-6)
        assert np.array_equal(found["best"], expected["best"].numpy())
