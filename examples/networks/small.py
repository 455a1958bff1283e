"""Small networks of every kind of recurrence and output, each with an example of its input.

Run one: `rnnedge export examples.networks.small:build -o gru.onnx`
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

FEATURES = 5
HIDDEN = 6


class Tagger(nn.Module):
    """Linear, a recurrence, layer norm with a residual, a head: one output per frame."""

    def __init__(self, cell: type[nn.RNNBase], layers: int, **options: object) -> None:
        super().__init__()
        self.front = nn.Linear(FEATURES, HIDDEN)
        self.rnn = cell(HIDDEN, HIDDEN, layers, batch_first=True, dropout=0.2 if layers > 1 else 0.0, **options)
        self.norm = nn.LayerNorm(HIDDEN)
        self.head = nn.Linear(HIDDEN, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.front(x))
        y, _ = self.rnn(x)
        return self.head(self.norm(y + x))


class Classifier(nn.Module):
    """The last frame of a recurrence through a head: a summary."""

    def __init__(self, cell: type[nn.RNNBase]) -> None:
        super().__init__()
        self.rnn = cell(FEATURES, HIDDEN, 2, batch_first=True)
        self.head = nn.Linear(HIDDEN, 4)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.rnn(x)
        return self.head(y[:, -1]).softmax(-1)


class Both(nn.Module):
    """A dict of a per-frame output, the last frame, and the last state of an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, HIDDEN, 2, batch_first=True)
        self.head = nn.Linear(HIDDEN, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y, (h, c) = self.lstm(x)
        return {"frames": self.head(y), "last": self.head(y[:, -1]), "cell": c[-1] + h[-1]}


class LearnedStart(nn.Module):
    """A GRU that starts from a learned state, time-major inside."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(FEATURES, HIDDEN, 2)
        self.h0 = nn.Parameter(torch.randn(2, 1, HIDDEN))

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.gru(x.transpose(0, 1), self.h0.expand(-1, x.shape[0], -1).contiguous())
        return y.transpose(0, 1)


class Tokens(nn.Module):
    """Embedding, GRU, scores over the vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, HIDDEN)
        self.gru = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 11)

    def forward(self, tokens: Tensor) -> Tensor:
        y, _ = self.gru(self.embed(tokens))
        return self.head(y).log_softmax(-1)


class Shapes(nn.Module):
    """Chunk, stack, split, view and gates on features around two recurrences of different kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Linear(FEATURES, 2 * HIDDEN)
        self.gru = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.rnn = nn.RNN(HIDDEN, HIDDEN, nonlinearity="relu", batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.front(x).chunk(2, dim=-1)
        gated = a * torch.sigmoid(b)
        y, _ = self.gru(gated)
        z, _ = self.rnn(torch.nn.functional.gelu(y))
        pairs = torch.cat([y, z], -1).reshape(x.shape[0], x.shape[1], 2, HIDDEN)
        return (pairs.amax(2) - pairs[:, :, 0]).clamp(-0.5, 0.5)


class Shared(nn.Module):
    """One recurrence called at two places: two states."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.front = nn.Linear(FEATURES, HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.gru(self.front(x))
        z, _ = self.gru(y)
        return z + y


Case = tuple[nn.Module, Tensor]


def _tagger(cell: type[nn.RNNBase], layers: int, **options: object) -> Callable[[], Case]:
    return lambda: (Tagger(cell, layers, **options), torch.randn(1, 9, FEATURES))


NETWORKS: dict[str, Callable[[], Case]] = {
    **{
        f"{name}-{layers}": _tagger(cell, layers, **options)
        for name, cell, options in (
            ("rnn_tanh", nn.RNN, {}),
            ("rnn_relu", nn.RNN, {"nonlinearity": "relu"}),
            ("lstm", nn.LSTM, {}),
            ("gru", nn.GRU, {}),
        )
        for layers in (1, 2, 3)
    },
    "gru-no-bias": _tagger(nn.GRU, 1, bias=False),
    "classifier-lstm": lambda: (Classifier(nn.LSTM), torch.randn(2, 4, FEATURES)),
    "classifier-gru": lambda: (Classifier(nn.GRU), torch.randn(2, 4, FEATURES)),
    "both": lambda: (Both(), torch.randn(1, 4, FEATURES)),
    "learned-start": lambda: (LearnedStart(), torch.randn(1, 1, FEATURES)),
    "tokens": lambda: (Tokens(), torch.arange(11).reshape(1, 11)),
    "shapes": lambda: (Shapes(), torch.randn(1, 4, FEATURES)),
    "shared": lambda: (Shared(), torch.randn(1, 4, FEATURES)),
    "lstm-proj": lambda: (nn.LSTM(FEATURES, HIDDEN, 2, batch_first=True, proj_size=3), torch.randn(1, 4, FEATURES)),
    "bare-gru": lambda: (nn.GRU(FEATURES, HIDDEN, 2, batch_first=True), torch.randn(1, 4, FEATURES)),
}


def build(name: str = "gru-2") -> Case:
    """The named network with seeded weights, and its example."""
    torch.manual_seed(sum(map(ord, name)))
    module, example = NETWORKS[name]()
    return module.eval(), example
