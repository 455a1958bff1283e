"""The contenders beside which figures stand compute what PyTorch computes, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnedge.baselines._frame_steps import Step, eager, plain_export, torchscript

FEATURES, HIDDEN, FRAMES = 3, 5, 20


class Tagger(nn.Module):
    """Two recurrences of different kinds and a head, their states in one tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, HIDDEN, 2, batch_first=True)
        self.gru = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 2)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        y, (h, c) = self.lstm(x, state[:2])
        z, g = self.gru(y, state[2])
        return self.head(z), (h, c, g)


def _state(layers: int) -> Tensor:
    return torch.linspace(-0.5, 0.5, layers * HIDDEN).reshape(layers, 1, HIDDEN)


_ONE, _TWO = _state(1), _state(2)
CASES: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    # One tensor for both states of the LSTM: h and c are states of their own all the same.
    "lstm": (lambda: nn.LSTM(FEATURES, HIDDEN, batch_first=True), (_ONE, _ONE)),
    "gru": (lambda: nn.GRU(FEATURES, HIDDEN, batch_first=True), _state(1)),
    "tagger": (Tagger, (_TWO, _TWO, _state(1))),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("contender", ["eager", "torchscript", "plain_export"])
def test_frame_by_frame_equals_the_whole_sequence(name: str, contender: str, tmp_path: Path) -> None:
    """The state starts as given and is carried on, also where one tensor was given for two states."""
    torch.manual_seed(1)
    build, state = CASES[name]
    module = build().eval()
    x = torch.randn(1, FRAMES, FEATURES)
    with torch.inference_mode():
        expected = module(x, state)[0][0].numpy()
    makers: dict[str, Callable[[], Step]] = {
        "eager": lambda: eager(module, state),
        "torchscript": lambda: torchscript(module, state),
        "plain_export": lambda: plain_export(module, state, FEATURES, tmp_path / "plain.onnx"),
    }
    step = makers[contender]()
    found = np.stack([step(frame[None])[0, 0].copy() for frame in x[0].numpy()])
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_a_lost_state_is_seen() -> None:
    """The comparison fails where every frame starts anew."""
    torch.manual_seed(1)
    module = nn.GRU(FEATURES, HIDDEN, batch_first=True).eval()
    x = torch.randn(1, 2, FEATURES)
    with torch.inference_mode():
        expected = module(x, _state(1))[0][0].numpy()
    found = torchscript(module, _state(1))
    found(x[0, :1].numpy())
    forgets = torchscript(module, _state(1))(x[0, 1:].numpy())[0, 0]
    np.testing.assert_allclose(found(x[0, 1:].numpy())[0, 0], expected[1], atol=2e-6)
    assert np.abs(forgets - expected[1]).max() > 1e-3
