"""Flags next to the frames, such as those of a policy whose episodes end: 0 and 1 alone, as floats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import quickly
import torch
from torch import Tensor, nn

from rnnedge_export import Effort
from rnnedge_runtime import load


class Policy(nn.Module):
    """A recurrence that begins again where an episode has ended, as agents of reinforcement learning have it."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.lstm, self.actor = nn.Linear(4, 16), nn.LSTM(16, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor, done: Tensor) -> Tensor:
        """(batch, time, 4) and (batch, time) -> (batch, time, 3)."""
        hidden, ended = torch.tanh(self.body(x)).transpose(0, 1), done.transpose(0, 1)
        state, found = (x.new_zeros(1, len(x), 8), x.new_zeros(1, len(x), 8)), []
        for frame, one in zip(hidden, ended, strict=True):
            going = (1.0 - one).view(1, -1, 1)
            y, state = self.lstm(frame[None], (going * state[0], going * state[1]))
            found.append(y)
        given: Tensor = self.actor(torch.cat(found).transpose(0, 1))
        return given


def test_flags_of_the_example_are_the_only_numbers_that_a_proof_gives(tmp_path: Path) -> None:
    """With others the state grows by a factor of thousands in every frame; the contract says what was given."""
    torch.manual_seed(0)
    module, x, done = Policy().eval(), torch.randn(2, 40, 4), torch.randint(0, 2, (2, 40)).float()
    report = quickly.export(
        module, (x[:, :20], done[:, :20]), tmp_path / "net.onnx", form="step", effort=Effort(frames=200)
    )
    assert "0 and 1 in done" in report.contract.provenance["proven_on"]
    with torch.no_grad():
        expected = module(x, done)[0].numpy()
    for provider in ("cpu", "native"):
        stream = load(tmp_path / "net.onnx", provider=provider).stream()
        found = [
            stream.push({"x": x[0, a:b].numpy(), "done": done[0, a:b].numpy()}) for a, b in ((0, 1), (1, 9), (9, 40))
        ]
        np.testing.assert_allclose(np.concatenate(found), expected, rtol=0, atol=2e-6)


def test_frames_of_zeros_and_ones_alone_are_frames(tmp_path: Path) -> None:
    """An example that is an impulse says nothing of what comes."""
    x = torch.zeros(1, 20, 3)
    x[0, 4] = 1
    report = quickly.export(nn.GRU(3, 4, batch_first=True), x, tmp_path / "net.onnx")
    golden = report.contract.golden
    assert golden is not None and len(np.unique(golden.inputs["input"])) > 2
