"""A decoder behind an encoder's last state: its results are summaries, as that state is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import load
from rnnedge_runtime.errors import ModelRefused

_TOLERANCE = 2e-6


class Decoder(nn.Module):
    """Three steps of an LSTM, each fed with the result of the one before, from the last frame on."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.LSTM(3, 4, batch_first=True), nn.LSTM(3, 4, batch_first=True)
        self.out = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        _, state = self.encoder(x)
        frame, found = x[:, -1:], []
        for _ in range(3):
            y, state = self.decoder(frame, state)
            frame = self.out(y)
            found.append(frame)
        return torch.cat(found, 1)


class Queries(nn.Module):
    """A GRU that runs over learned queries."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.queries = nn.GRU(3, 3, batch_first=True), nn.Parameter(torch.randn(5, 3))

    def forward(self, x: Tensor) -> Tensor:
        _, h = self.rnn(x)
        return self.rnn(self.queries.expand(len(x), -1, -1), h)[0]


class Chained(nn.Module):
    """The second layer starts from the last state of the first: it would need the end of the sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.LSTM(3, 3, batch_first=True), nn.LSTM(3, 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y, state = self.one(x)
        return self.two(y, state)[0]


@pytest.mark.parametrize("form", ["native", pytest.param("step", marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", [Decoder, pytest.param(Queries, marks=pytest.mark.long)])
def test_a_decoder_of_the_last_state_streams(kind: type[nn.Module], form: str, tmp_path: Path) -> None:
    """As PyTorch computes it of the whole sequence."""
    torch.manual_seed(0)
    module, x = kind().eval(), torch.randn(1, 21, 3)
    quickly.export(module, x[:, :8], tmp_path / "net.onnx", form=form)
    with torch.no_grad():
        expected = module(x)[0].numpy()
    stream = load(tmp_path / "net.onnx").stream()
    for frames in np.split(x[0].numpy(), [1, 8]):
        stream.push(frames)
    np.testing.assert_allclose(stream.finish()[0], expected, rtol=0, atol=_TOLERANCE)


def test_a_layer_that_starts_from_a_last_state_is_refused(tmp_path: Path) -> None:
    """With what it would need."""
    with pytest.raises(ModelRefused, match=r"^two \(LSTM\): cannot stream: its initial state is known at the end"):
        quickly.export(Chained().eval(), torch.randn(1, 8, 3), tmp_path / "net.onnx")
