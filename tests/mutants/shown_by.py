"""The networks that faults are shown by, small, each with an example and the options of its export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from rnnedge_runtime.contract import Normalization


@dataclass(frozen=True)
class Shown:
    """A network, its example, and how it is exported; or an ONNX file of others, and how it is converted."""

    module: nn.Module | bytes
    example: Any
    options: Mapping[str, Any] = field(default_factory=dict)


def noise(*shape: int) -> Tensor:
    """The same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def given(module: Callable[[], nn.Module], example: Any = None, **options: Any) -> Callable[[], Shown]:
    """A network with its example, `X` by default."""
    return lambda: Shown(module(), X if example is None else example, options)


class Frames(nn.Module):
    """A function of every frame, after a GRU."""

    def __init__(self, function: Callable[[Tensor, Tensor], Any], loud: float = 1.0) -> None:
        super().__init__()
        self.gru, self.head, self.function, self.loud = nn.GRU(5, 6, batch_first=True), nn.Linear(6, 4), function, loud

    def forward(self, x: Tensor) -> Any:
        return self.function(self.head(self.gru(x)[0]), x)


class Tagger(nn.Module):
    """Linear, a recurrence of two layers, layer norm with a residual, a head."""

    def __init__(self, cell: type[nn.RNNBase] = nn.GRU) -> None:
        super().__init__()
        self.front, self.norm, self.head = nn.Linear(5, 6), nn.LayerNorm(6), nn.Linear(6, 3)
        self.rnn = cell(6, 6, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.front(x))
        return self.head(self.norm(self.rnn(x)[0] + x))


class Convolutions(nn.Module):
    """Causal convolutions, one dilated, ReLU6, a residual."""

    def __init__(self, dilation: int = 8) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Conv1d(5, 6, 3), nn.Conv1d(6, 6, 3, dilation=dilation), nn.Linear(6, 3)
        self.reach = 2 * dilation

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.a(F.pad(x.transpose(1, 2), (2, 0))))
        return self.head((x + F.relu(self.b(F.pad(x, (self.reach, 0))))).transpose(1, 2))


class Ahead(nn.Module):
    """A convolution that reads two frames ahead, beside the frames themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(5, 4, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.conv(x.transpose(1, 2)).transpose(1, 2), x], -1)


class Strided(nn.Module):
    """Every fourth frame from eight, a GRU, and back up."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv1d(2, 6, 8, stride=4), nn.ConvTranspose1d(6, 2, 8, stride=4)
        self.gru = nn.GRU(6, 6, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.gru(self.down(x.transpose(1, 2)).transpose(1, 2))[0]
        return self.up(y.transpose(1, 2)).transpose(1, 2)


class Tokens(nn.Module):
    """Embedding, GRU, scores."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.gru, self.head = nn.Embedding(11, 6), nn.GRU(6, 6, batch_first=True), nn.Linear(6, 11)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.gru(self.embed(tokens))[0])


class Given(nn.Module):
    """An LSTM that starts from given states."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 6, batch_first=True)

    def forward(self, x: Tensor, h0: Tensor, c0: Tensor) -> Tensor:
        return self.lstm(x, (h0, c0))[0]


class TwoInputs(nn.Module):
    """Two inputs of the same shape, which are not alike."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 4, batch_first=True)

    def forward(self, near: Tensor, far: Tensor) -> Tensor:
        return self.gru(near - 2 * far)[0]


class Summary(nn.Module):
    """The last frame and the mean of all."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(5, 6, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.gru(x)[0]
        return y[:, -1], y


class LastState(nn.Module):
    """The state of a GRU after the last frame."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(5, 6, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x)[1][-1]


class Totals(nn.Module):
    """A mean of all frames so far, and the frame itself."""

    def forward(self, x: Tensor) -> Tensor:
        count = torch.arange(1, x.shape[1] + 1, dtype=torch.float32)[None, :, None]
        return torch.cat([x.cumsum(1) / count, x], -1)


class Pooled(nn.Module):
    """A GRU, and the mean and the largest of all frames, which are negative; after a lookahead if `ahead`."""

    def __init__(self, ahead: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv1d(5, 6, 2 * ahead + 1, padding=ahead)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = -F.softplus(self.conv(x.transpose(1, 2)).transpose(1, 2)) - 0.1
        return y.mean(1), y.amax(1)


class AheadOf(nn.Module):
    """A lookahead in front of a layer, or behind one with a bias."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.conv, self.gru = kind, nn.Conv1d(5, 5, 5, padding=2), nn.GRU(5, 6, batch_first=True)
        self.front = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "bias":
            x = torch.sigmoid(self.front(x))
        y = self.conv(x.transpose(1, 2)).transpose(1, 2)
        if self.kind == "recurrence":
            return self.gru(y)[0]
        if self.kind == "largest":
            return (-F.softplus(y) - 0.1).amax(1)
        return self.gru(y)[0][:, -1] if self.kind == "last" else y


class MaxPooled(nn.Module):
    """A causal maximum of three frames of negative numbers."""

    def forward(self, x: Tensor) -> Tensor:
        y = -x.square() - 1
        return F.max_pool1d(F.pad(y.transpose(1, 2), (2, 0), value=-1000.0), 3, stride=1).transpose(1, 2)


class Attention(nn.Module):
    """Attention over the last six frames, its mask made of the frame numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(5, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        place = torch.arange(x.shape[1])
        apart = place[:, None] - place[None]
        hidden = (apart < 0) | (apart > 6)
        scores = self.q(x) @ self.k(x).transpose(1, 2) * 0.5
        return scores.masked_fill(hidden, -torch.inf).softmax(-1) @ self.v(x)


class Recurrence(nn.Module):
    """An RNN with ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(5, 6, nonlinearity="relu", batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x)[0] * 0.1


class Sums(nn.Module):
    """The sum of all frames so far."""

    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(1)


class Wide(nn.Module):
    """Layers wide enough to be stored in fewer bits."""

    def __init__(self, cell: type[nn.RNNBase] = nn.GRU) -> None:
        super().__init__()
        self.rnn, self.head = cell(24, 42, batch_first=True), nn.Linear(42, 6)
        with torch.no_grad():
            self.rnn.weight_hh_l0 *= 1.25

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0])


X = torch.zeros(2, 8, 5)
CALIBRATION = np.random.default_rng(0).standard_normal((400, 24)).astype(np.float32)


def _frames(function: Callable[[Tensor, Tensor], Any], **options: Any) -> Callable[[], Shown]:
    return lambda: Shown(Frames(function), X, options)


def _wide(precision: str, cell: type[nn.RNNBase] = nn.GRU, **options: Any) -> Callable[[], Shown]:
    return lambda: Shown(Wide(cell), torch.zeros(2, 8, 24), {"precision": precision, **options})


def _ranges(y: Tensor, x: Tensor) -> dict[str, Tensor]:
    """What random frames never show, each an output of its own."""
    return {
        "clamped": x.clamp(-20, 20),
        "growth": x.clamp(max=60).exp() * 1e-20,
        "softmax": (x * 2).softmax(-1),
        "log_softmax": x.log_softmax(-1),
        "gelu": F.gelu(x),
        "leaky": F.leaky_relu(x, 0.02),
        "phase": torch.atan2(x[..., :2], x[..., 2:4]),
        "steps": torch.div(x, 0.3, rounding_mode="floor"),
        "decay": torch.exp(-x.abs() * 3),
        "sigmoid": x.sigmoid(),
        "tanh": x.tanh(),
        "level": x.square().log().clamp(min=-200),
        "y": y,
    }


def _loud(y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return y.sigmoid(), x * 1e5


_RATED = {"frame_rate_hz": 100.0, "labels": ("a", "b", "c")}
NETWORKS: dict[str, Callable[[], Shown]] = {
    "tagger": lambda: Shown(Tagger(), X, _RATED),
    "tagger, scan": lambda: Shown(Tagger(), X, {"form": "scan"}),
    "tagger, step": lambda: Shown(Tagger(), X, {"form": "step"}),
    "tagger, unrolled": lambda: Shown(Tagger(), X, {"form": "unrolled", "chunk": 4}),
    "lstm": lambda: Shown(Tagger(nn.LSTM), X),
    "lstm, step": lambda: Shown(Tagger(nn.LSTM), X, {"form": "step"}),
    "convolutions": lambda: Shown(Convolutions(), X),
    "convolutions, step": lambda: Shown(Convolutions(), X, {"form": "step"}),
    "ahead": lambda: Shown(Ahead(), X),
    "strided": lambda: Shown(Strided(), torch.zeros(2, 16, 2)),
    "tokens": lambda: Shown(Tokens(), torch.arange(8).reshape(2, 4) % 3),
    "given states": lambda: Shown(Given(), (X, torch.full((1, 2, 6), 0.3), torch.full((1, 2, 6), -0.8))),
    "two inputs": lambda: Shown(TwoInputs(), (torch.zeros(2, 8, 3), torch.zeros(2, 8, 3))),
    "two outputs": _frames(lambda y, x: (y, y * 2)),
    "dict": _frames(lambda y, x: {"speech": y, "noise": 1 - y}),
    "summary": lambda: Shown(Summary(), X),
    "totals": lambda: Shown(Totals(), X),
    "summary, unrolled": lambda: Shown(LastState(), X, {"form": "unrolled", "chunk": 4}),
    "recurrence ahead": lambda: Shown(AheadOf("recurrence"), X),
    "pooled ahead": lambda: Shown(AheadOf("largest"), X),
    "ahead after a bias": lambda: Shown(AheadOf("bias"), X),
    "pooled": lambda: Shown(Pooled(), X),
    "max pooling": lambda: Shown(MaxPooled(), X),
    "masked attention": lambda: Shown(Attention(), X),
    "relu recurrence": lambda: Shown(Recurrence(), X),
    "drifting": lambda: Shown(Sums(), X, {"form": "step"}),
    "shifted": _frames(lambda y, x: y[:, 2:] + x[:, :-2, :4]),
    "quiet beside loud": _frames(_loud),
    "normalized": lambda: Shown(Tagger(), X, {"normalization": Normalization((0.5,) * 5, (2.0,) * 5)}),
    "taps": lambda: Shown(Tagger(), X, {"taps": ("state",)}),
    "wide tagger": lambda: Shown(Wide(), torch.zeros(2, 8, 24)),
    "long window": lambda: Shown(Convolutions(dilation=30), X, {"form": "step"}),
    "int8, calibrated": _wide("int8", calibration=[CALIBRATION]),
    "int8, step": _wide("int8", form="step"),
    "ranges": _frames(_ranges),
    "float16": _wide("float16"),
    "bf16": _wide("bf16"),
    "int8": _wide("int8"),
    "int8, lstm": _wide("int8", nn.LSTM),
    "int8, scan": _wide("int8", form="scan"),
    "int4": _wide("int4", nn.GRU, form="step"),
    "labels": lambda: Shown(nn.Linear(5, 3), X, {"labels": ("speech", "noise", "music")}),
    "tokens, step": lambda: Shown(Tokens(), torch.arange(8).reshape(2, 4) % 3, {"form": "step"}),
    "two inputs, step": given(TwoInputs, (torch.zeros(2, 8, 3), torch.zeros(2, 8, 3)), form="step"),
    "recurrence ahead, step": given(lambda: AheadOf("recurrence"), form="step"),
    "recurrence ahead, unrolled": given(lambda: AheadOf("recurrence"), form="unrolled", chunk=4),
}


def shown(name: str) -> Shown:
    """The network of that name, with the same weights every time."""
    torch.manual_seed(0)
    return NETWORKS[name]()
