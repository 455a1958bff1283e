"""The networks that faults of packages, bindings and web sites are shown by."""

from __future__ import annotations

from collections.abc import Callable

import torch
from shown_by import AheadOf, LastState, Shown, given
from torch import Tensor, nn
from windows import Ahead


class Held(nn.Module):
    """Windows, and behind them a layer that starts from numbers that were learned, once the first window is full."""

    def __init__(self) -> None:
        super().__init__()
        self.windows = nn.Conv1d(2, 6, 8, stride=4)
        self.start = nn.Parameter(torch.randn(1, 1, 5))
        self.layer = nn.GRU(6, 5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        features = self.windows(x.transpose(1, 2)).tanh().transpose(1, 2)
        return self.layer(features, self.start.expand(-1, x.shape[0], -1).contiguous())[0]


class QuietChannel(nn.Module):
    """Channels of one output, of which the last is 1e5 times as loud."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.GRU(5, 6, batch_first=True), nn.Linear(6, 4)
        with torch.no_grad():
            self.head.weight[-1] *= 1e5
            self.head.bias[-1] = 1e5

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0])


class Pruned(nn.Module):
    """A recurrence most of whose weights are zeros, of an odd size."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.GRU(45, 147, batch_first=True), nn.Linear(147, 3)
        kept = torch.rand(9, 45 + 147, generator=torch.Generator().manual_seed(2)) < 0.1
        with torch.no_grad():
            for weight, part in ((self.layer.weight_ih_l0, kept[:, :45]), (self.layer.weight_hh_l0, kept[:, 45:])):
                weight *= part.repeat_interleave(49, 0)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0])


class Reader(nn.Module):
    """Tokens, which name rows of a table; scores of each, and one summary."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(9, 4), nn.LSTM(4, 6, batch_first=True)

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        found = self.layer(self.table(tokens))[0]
        return {"y": found, "last": found[:, -1]}


NETWORKS: dict[str, Callable[[], Shown]] = {
    "held windows": given(Held, torch.zeros(2, 40, 2)),
    "held windows, step": given(Held, torch.zeros(2, 40, 2), form="step"),
    "pruned, step": given(Pruned, torch.zeros(2, 8, 45), form="step"),
    "quiet channel": given(QuietChannel),
    "ahead, step": given(lambda: AheadOf("recurrence"), form="step"),
    "windows ahead, step": given(Ahead, torch.zeros(2, 40, 1), form="step"),
    "summary of four": given(LastState, form="unrolled", chunk=4),
    "reader, step": given(Reader, torch.arange(8).reshape(2, 4) % 3, form="step"),
    "reader of four": given(Reader, torch.arange(8).reshape(2, 4) % 3, form="unrolled", chunk=4),
    "scores, step": given(LastState, form="step", labels=tuple("abcdef"), frame_rate_hz=100.0),
}
