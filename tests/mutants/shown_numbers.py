"""Odd sizes, functions of one number, and weights and ranges that fewer bits find hard."""

from __future__ import annotations

import torch
from shown_by import CALIBRATION, Wide, given, noise
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from rnnedge_export import Precision

FUNCTIONS = {
    name: getattr(torch, name)
    for name in ("sin", "cos", "tan", "atan", "sinh", "cosh", "asinh", "floor", "ceil", "round", "sign", "erf")
}


class Odd(nn.Module):
    """Sizes that no vector and no block divides, and what is chosen or counted within a frame."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.table = nn.Linear(37, 53), nn.Linear(53, 33), nn.Parameter(noise(3, 33))
        self.deep = nn.Conv1d(33, 33, 3, groups=33)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.b(F.gelu(self.a(x)))
        z, one = self.deep(F.pad(y.transpose(1, 2), (2, 0))).transpose(1, 2), x.flatten(0, 1)[:, None]
        return {
            "y": y,
            "deep": z,
            "best": y.round().argmax(-1),
            "most": x.amax(-1),
            "mean": F.avg_pool1d(one, 5, 3, 2, ceil_mode=True, count_include_pad=False).reshape(*x.shape[:2], -1),
            "top": F.max_pool1d(one, 4, 3, 1).reshape(*x.shape[:2], -1),
            "sums": y.cumsum(-1),
            "norm": F.layer_norm(y, (33,)) + F.softmax(y, -1).flip(-1),
            "up": F.interpolate(y, size=50, mode="nearest"),
            "scores": torch.einsum("btf,kf->btk", y, self.table),
        }


class Functions(nn.Module):
    """Functions of one number, each an output."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = {name: function(x if name not in ("sinh", "cosh") else x.clamp(-5, 5)) for name, function in
                 FUNCTIONS.items()}  # fmt: skip
        one = torch.tanh(x) * 0.999
        return found | {
            "asin": torch.asin(one), "acos": torch.acos(one * 0.99), "atanh": torch.atanh(one * 0.99),
            "acosh": torch.acosh(1 + x.abs()), "log": torch.log(x.abs() + 1e-3), "softplus": F.softplus(x),
            "elu": F.elu(x), "selu": F.selu(x), "celu": F.celu(x, 0.5), "mish": F.mish(x), "hardswish": F.hardswish(x),
            "hardsigmoid": F.hardsigmoid(x), "gelu": F.gelu(x, approximate="tanh"), "leaky": F.leaky_relu(x, 0.1),
            "softsign": F.softsign(x), "shrink": F.softshrink(x, 0.3), "rest": torch.fmod(x, 0.7),
            "whole": (x.clamp(-1e6, 1e6) * 3).to(torch.int64), "power": x.pow(3),
            "exp": x.clamp(max=60).exp(), "rsqrt": torch.rsqrt(x.abs() + 0.1),
        }  # fmt: skip


class Large(nn.Module):
    """A weight that is too large for float16."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(24, 24), nn.Linear(24, 24)
        with torch.no_grad():
            self.a.weight[3, 4] = 7e4

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.a(x) * 1e-5) + self.b(x)


class Relus(nn.Module):
    """Values within a range that the graph proves, and that is wider than 1."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(24, 24), nn.Linear(24, 24), nn.Linear(24, 12)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(torch.tanh(self.a(x)) + 0.9)
        return self.b(y) + self.c(torch.sigmoid(y) * torch.tanh(self.a(x)) * -1.5).repeat(1, 1, 2)


class Start(nn.Module):
    """A learned start beyond what a hidden state reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head, self.h0 = (
            nn.GRU(24, 42, batch_first=True),
            nn.Linear(42, 6),
            nn.Parameter(torch.full((1, 1, 42), 3.0)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(x, self.h0.expand(1, x.shape[0], 42).contiguous())[0])


class OddBytes(nn.Module):
    """Layers whose sizes no panel divides."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(37, 53), nn.Linear(53, 29)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.tanh(self.a(torch.tanh(x))))


class Uneven(nn.Module):
    """Columns of very different size."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(24, 24), nn.Linear(24, 12)
        with torch.no_grad():
            self.b.weight *= torch.logspace(0, 2, 12)[:, None]

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.b(torch.tanh(self.a(x))) * 0.01)


class Pools(nn.Module):
    """Averages and maxima over windows with padding of their own."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.transpose(1, 2)
        return (F.avg_pool1d(y, 3, 1, 1) + F.max_pool1d(-y.square() - 1, 3, 1, 1)).transpose(1, 2)


class Numbered(nn.Module):
    """A slow wave of the number of the frame."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.sin(torch.arange(x.shape[1]) * 0.01)[None, :, None]


class Edges(nn.Module):
    """Numbers on an edge, equal numbers, and floors under small ones."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {
            "over": torch.where(x > 1, x, -x),
            "at": (x >= 1.0).float(),
            "best": x.argmax(-1),
            "least": x.argmin(-1),
            "whole": x.round(),
            "level": 10 * torch.log10(x.square() + 1e-10),
            "root": x.abs().clamp(min=1e-6).sqrt(),
            "inverse": 1 / (x.square() + 1e-8),
        }


X24, X37 = torch.zeros(2, 8, 24), torch.zeros(2, 8, 37)
INT8 = {"precision": "int8", "form": "step"}
ROUGH = {"precision": Precision("int8", tolerance=0.1), "form": "step"}
NETWORKS = {
    "odd sizes": given(Odd, X37, form="step"),
    "functions": given(Functions, torch.zeros(2, 8, 3), form="step"),
    "large weights, float16": given(Large, X24, precision="float16"),
    "relu bounds": given(Relus, X24, **ROUGH),
    "relu, calibrated": given(Relus, X24, **ROUGH, calibration=[CALIBRATION]),
    "learned start, int8": given(Start, X24, **ROUGH),
    "int8 odd, step": given(OddBytes, X37, **INT8),
    "uneven columns": given(Uneven, X24, **INT8),
    "pools with padding": given(Pools, torch.zeros(2, 8, 5)),
    "frame numbers": given(Numbered, torch.zeros(2, 8, 5)),
    "edges": given(Edges, torch.zeros(2, 8, 5)),
    "head in float32": given(Wide, X24, precision=Precision("int8", {"head": "float32"})),
    "budget": given(Wide, X24, precision=Precision("int4", budget_error=0.02)),
}
