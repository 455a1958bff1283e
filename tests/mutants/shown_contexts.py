"""What an example is taken for: contexts, starts, caches, one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from shown_by import Shown, X, given, noise
from torch import Tensor, nn


class Voice(nn.Module):
    """Frames, a speaker that starts the recurrence and stands beside it, a language, and a mask of truth values."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.begin = nn.Conv1d(5, 6, 5, padding=2), nn.Linear(4, 6)
        self.languages = nn.Embedding(7, 6)
        self.gru, self.head = nn.GRU(6, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x: Tensor, speaker: Tensor, language: Tensor) -> Tensor:
        y = self.conv(x.transpose(1, 2)).transpose(1, 2) + self.languages(language)[:, None]
        y = self.gru(y, torch.tanh(self.begin(speaker))[None])[0]
        return self.head(y) * (1 + speaker[:, None, :3])


class Knobs(nn.Module):
    """A value per sequence that is multiplied by narrow weights."""

    def __init__(self) -> None:
        super().__init__()
        self.front, self.rnn, self.head = nn.Linear(24, 24), nn.GRU(24, 42, batch_first=True), nn.Linear(42, 6)
        self.gains = nn.Linear(24, 24)

    def forward(self, x: Tensor, gains: Tensor) -> Tensor:
        return self.head(self.rnn(torch.tanh(self.front(x) + self.gains(gains)[:, None]))[0])


class Cached(nn.Module):
    """A convolution with a cache that it takes and gives back, and a second result of the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gru = nn.Conv1d(5, 6, 3), nn.GRU(6, 6, batch_first=True)

    def forward(self, x: Tensor, cache: Tensor | None = None, h: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        cache = x.new_zeros(x.shape[0], 2, 5) if cache is None else cache
        y = torch.cat([cache, x], 1)
        z, h = self.gru(self.conv(y.transpose(1, 2)).transpose(1, 2), h)
        return z, y[:, -2:], h


class OneStep(nn.Module):
    """One frame and two states of the same shape, which are not alike."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(5, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h, c = self.cell(x, (h, c))
        return self.head(h), h, c


class TwoStates(nn.Module):
    """An optional argument, and a second result of the same shape that continues nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(5, 6, batch_first=True)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y = self.gru(x)[0]
        return (y if bias is None else y + bias[:, None]), y.mean(1)


def _voice(**options: Any) -> Callable[[], Shown]:
    context = {"speaker": noise(4) * 2, "language": None}
    return lambda: Shown(Voice(), (X, noise(2, 4), torch.tensor([3, 1])), {"context": context, **options})


KNOBS = (torch.zeros(2, 8, 24), noise(2, 24))
STEP = (torch.zeros(2, 5), noise(2, 6), noise(2, 6))
FRAMES = np.random.default_rng(0).standard_normal((400, 24)).astype(np.float32)
NETWORKS = {
    "voice": _voice(),
    "voice, step": _voice(form="step"),
    "knobs, int8": given(Knobs, KNOBS, precision="int8", form="step"),
    "knobs, calibrated": given(Knobs, KNOBS, precision="int8", form="step", calibration=[FRAMES]),
    "cached": given(Cached),
    "one step": given(OneStep, STEP),
    "two results": given(TwoStates),
}
