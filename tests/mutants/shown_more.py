"""Networks that show faults of rare branches: several rates, whole numbers, norms, two dimensions, files of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from shown_by import Shown, Tagger, Wide, X, given, noise
from shown_numbers import Numbered
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from rnnedge_export import Precision


class TwoDelays(nn.Module):
    """Three outputs that wait for two frames, for none, and for three."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(5, 4, 5, padding=2), nn.Conv1d(5, 4, 7, padding=3)
        self.gru = nn.GRU(5, 4, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = x.transpose(1, 2)
        return self.a(y).transpose(1, 2), self.gru(x)[0], self.b(y).transpose(1, 2)


class Bands(nn.Module):
    """A recurrence over time for each of three bands, which share an axis with the batch, and one over bands."""

    def __init__(self) -> None:
        super().__init__()
        self.along, self.across = nn.GRU(2, 4, batch_first=True), nn.GRU(4, 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        n, t, _ = x.shape
        y = self.along(x.reshape(n, t, 3, 2).permute(0, 2, 1, 3).reshape(n * 3, t, 2))[0]
        y = y.reshape(n, 3, t, 4).permute(0, 2, 1, 3).reshape(n * t, 3, 4)
        return self.across(y)[0].reshape(n, t, 9)


class Samples(nn.Module):
    """16-bit samples as whole numbers; no table says which there are."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(1, 6, batch_first=True)

    def forward(self, samples: Tensor) -> Tensor:
        return self.gru(samples.float()[..., None] / 32768 * 8)[0]


class Rates(nn.Module):
    """Every third frame, a lookahead there, back up by repetition; and the frames at their own rate."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.ahead = nn.Conv1d(2, 4, 3, stride=3), nn.Conv1d(4, 4, 3, padding=1)
        self.up, self.gru = nn.ConvTranspose1d(4, 2, 2, stride=3), nn.GRU(4, 4, batch_first=True)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.down(x.transpose(1, 2))
        z = F.interpolate(self.ahead(y), scale_factor=3)
        up = F.interpolate(self.gru(y.transpose(1, 2))[0].transpose(1, 2), scale_factor=2)
        return {"slow": up.transpose(1, 2), "fast": z.transpose(1, 2), "wide": self.up(y).transpose(1, 2)}


class Norms(nn.Module):
    """Every normalization over features with its own epsilon, of frames that may be quiet."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.group = nn.LayerNorm(6, eps=1e-3), nn.GroupNorm(2, 6, eps=1e-2)
        self.batch, self.rms = nn.BatchNorm1d(6, eps=1e-1), nn.RMSNorm(6, eps=1e-4)
        self.front = nn.Linear(6, 6)
        with torch.no_grad():
            self.batch.running_var.fill_(0.05)  # type: ignore[operator, union-attr]
            self.batch.weight.copy_(torch.linspace(0.5, 2, 6))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = self.front(x)
        rows = x.reshape(-1, 6)
        grouped = self.group(rows).reshape(x.shape)
        batch = self.batch(y.transpose(1, 2)).transpose(1, 2)
        return self.layer(x), grouped, batch, self.rms(x), F.normalize(x, dim=-1, eps=1e-2), x.var(-1), x.std(-1)


class Shapes(nn.Module):
    """Functions with an attribute other than the default, each an output of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.prelu = nn.PReLU(6)
        with torch.no_grad():
            self.prelu.weight.copy_(torch.linspace(0.1, 0.6, 6))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {
            "elu": F.elu(x, 0.3),
            "celu": F.celu(x, 0.4),
            "softplus": F.softplus(x, 2.0, 3.0),
            "hard": F.hardtanh(x, -0.5, 2.0),
            "shrink": F.softshrink(x, 0.2),
            "cut": F.threshold(x, 0.1, -3.0),
            "prelu": self.prelu(x.transpose(1, 2)).transpose(1, 2),
            "gelu": F.gelu(x, approximate="tanh"),
            "glu": F.glu(x, -1),
            "summed": x.logsumexp(-1),
            "place": x.argmin(-1),
            "norm": x.norm(p=3, dim=-1),
            "mod": torch.remainder(x, 0.7),
            "fmod": torch.fmod(x, 0.7),
            "sign": torch.sign(x),
            "cut2": x.clamp(-0.3, 4.0),
            "turned": x.roll(2, -1),
            "sums": x.cumsum(-1),
            "hard2": F.hardsigmoid(x) + F.hardswish(x),
            "tri": x.unsqueeze(-1) * torch.ones(6, 6).tril(),
        }


class Frames2d(nn.Module):
    """Convolutions over time and bands, dilated in time, with groups; a pool over bands."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(1, 4, (3, 3), padding=(0, 1), dilation=(2, 1))
        self.b, self.c = nn.Conv2d(4, 4, (2, 3), stride=(1, 2), groups=2), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.pad(x[:, None], (0, 0, 4, 0))
        y = F.pad(torch.tanh(self.a(y)), (0, 0, 1, 0))
        y = self.c(F.max_pool2d(F.elu(self.b(y)), (1, 2)))
        return y.permute(0, 2, 1, 3).flatten(2)


class Mirrored(nn.Module):
    """Frames reflected in front and behind, the last one again, a cut, and a minimum of everything."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(5, 4, 5), nn.Conv1d(5, 4, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.transpose(1, 2)
        y = self.a(F.pad(x, (2, 2), mode="reflect")) + self.b(F.pad(x, (1, 1), mode="replicate"))
        return y.transpose(1, 2), (y + 5).square().amin(2)


class Biased(nn.Module):
    """Attention whose bias falls with the distance, unevenly, over five frames, with capped scores and two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.bias = nn.Linear(6, 18), nn.Parameter(noise(2, 5))

    def forward(self, x: Tensor) -> Tensor:
        n, t, _ = x.shape
        q, k, v = (one.reshape(n, t, 2, 3).transpose(1, 2) for one in self.qkv(x).chunk(3, -1))
        apart = torch.arange(t)[:, None] - torch.arange(t)[None]
        scores = 3 * torch.tanh(q @ k.transpose(2, 3) / 3) + self.bias[:, apart.clamp(0, 4)]
        scores = scores.masked_fill((apart < 0) | (apart > 4), -torch.inf)
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, 6)


class Starts(nn.Module):
    """Recurrences that start from learned states, which differ, one of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.lstm = nn.GRU(5, 6, 2, batch_first=True), nn.LSTM(6, 4, batch_first=True)
        self.h, self.c, self.start = (nn.Parameter(noise(1, 1, 4) * s) for s in (1.0, 2.0, 1.0))
        self.first = nn.Parameter(noise(2, 1, 6))

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[0]
        y = self.gru(x, torch.tanh(self.first).expand(-1, n, -1).contiguous())[0]
        return self.lstm(y, (self.h.expand(-1, n, -1).contiguous(), self.c.expand(-1, n, -1).contiguous()))[0]


@dataclass
class Scores:
    """Two results by name, which are not in the order of the alphabet."""

    speech: Tensor
    noise: Tensor


class Named(nn.Module):
    """A dataclass."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(5, 6, batch_first=True), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Scores:
        y = self.head(self.gru(x)[0])
        return Scores(y, y * 2 - 1)


class TimeFirst(nn.Module):
    """A recurrence over (time, batch, 5)."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(5, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x)[0]


class Tiny(nn.Module):
    """A layer whose weights are small next to the numbers that it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.table = nn.Linear(24, 24, bias=False), nn.Parameter(noise(24))
        with torch.no_grad():
            self.layer.weight.mul_(1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * 100 + self.table


class Table(nn.Module):
    """Tokens through a table whose rows are of different sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.gru = nn.Embedding(11, 24), nn.GRU(24, 12, batch_first=True)
        with torch.no_grad():
            self.embed.weight.mul_(torch.logspace(-2, 0, 11)[:, None])

    def forward(self, tokens: Tensor) -> Tensor:
        return self.gru(self.embed(tokens))[0]


class Reach(nn.Module):
    """Windows that take eight frames at least, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(5, 4, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.transpose(1, 2)).transpose(1, 2)


def _of_onnx(kind: str, form: str = "step", **options: Any) -> Callable[[], Shown]:
    """A file of one recurrence as other frameworks write it, (time, batch, 3) -> (time, batch, 4)."""

    def made() -> Shown:
        rng = np.random.default_rng(3)
        gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]
        arrays = {
            "W": rng.standard_normal((1, gates * 4, 3)) * 0.7,
            "R": rng.standard_normal((1, gates * 4, 4)) * 0.5,
            "B": rng.standard_normal((1, gates * 8)) * 0.5,
        }
        inputs = ["x", "W", "R", "B"]
        if kind == "LSTM":
            arrays["P"] = rng.standard_normal((1, 12)) * 0.8
            inputs += ["", "", "", "P"]
        nodes = [
            helper.make_node(kind, inputs, ["y4"], hidden_size=4, **options),
            helper.make_node("Squeeze", ["y4", "one"], ["y"]),
        ]
        tensors = [numpy_helper.from_array(a.astype(np.float32), n) for n, a in arrays.items()]
        tensors.append(numpy_helper.from_array(np.array([1]), "one"))
        ports = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["time", "batch", size])
            for name, size in (("x", 3), ("y", 4))
        ]
        graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return Shown(model.SerializeToString(), None, {"time_axis": 0, "form": form})  # type: ignore[arg-type]

    return made


X6, X2 = torch.zeros(2, 8, 6), torch.zeros(2, 18, 2)
SAMPLES = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7], [9, -9, 8, -8, 7, -7, 6, -6]])
TIME_FIRST = {"batch_axis": 1, "time_axis": 0}
NETWORKS = {
    "two delays": given(TwoDelays),
    "bands": given(Bands, X6),
    "samples": given(Samples, SAMPLES),
    "rates": given(Rates, X2),
    "norms": given(Norms, X6),
    "shapes": given(Shapes, X6),
    "shapes, step": given(Shapes, X6, form="step"),
    "two dimensions": given(Frames2d, torch.zeros(2, 12, 8)),
    "two dimensions, step": given(Frames2d, torch.zeros(2, 12, 8), form="step"),
    "two dimensions, int8": given(Frames2d, torch.zeros(2, 12, 8), precision=Precision("int8", tolerance=0.2)),
    "mirrored": given(Mirrored, torch.zeros(2, 12, 5)),
    "biased attention": given(Biased, X6),
    "biased attention, step": given(Biased, X6, form="step"),
    "starts": given(Starts),
    "starts, scan": given(Starts, form="scan"),
    "named": given(Named),
    "time first": given(TimeFirst, torch.zeros(8, 2, 5), **TIME_FIRST),
    "tiny weights, float16": given(Tiny, torch.zeros(2, 8, 24), precision=Precision("float16", tolerance=0.1)),
    "tables, int8": given(Table, torch.arange(8).reshape(2, 4) % 11, precision="int8"),
    "wide tagger, step": given(Wide, torch.zeros(2, 8, 24), form="step"),
    "rates, step": given(Rates, X2, form="unrolled", chunk=3),
    "frame numbers, step": given(Numbered, X, form="step"),
    "starts, step": given(Starts, form="step"),
    "at least eight": given(Reach, torch.zeros(2, 12, 5)),
    "gates": given(Tagger, taps=("gates",), form="scan"),
    "lstm, gates": given(lambda: Tagger(nn.LSTM), taps=("gates", "state"), form="step"),
    "peepholes": _of_onnx("LSTM", clip=0.4),
    "peepholes, native": _of_onnx("LSTM", "native", clip=0.4),
    "coupled": _of_onnx("LSTM", input_forget=1),
    "reset before": _of_onnx("GRU", linear_before_reset=0),
    "affine": _of_onnx(
        "GRU", activations=["HardSigmoid", "ScaledTanh"], activation_alpha=[0.3, 1.7], activation_beta=[0.4, 0.6]
    ),
    "float16, lstm": given(lambda: Wide(nn.LSTM), torch.zeros(2, 8, 24), precision="float16"),
    "int8, rnn": given(lambda: Wide(nn.RNN), torch.zeros(2, 8, 24), precision="int8", form="scan"),
    "int8 convolution": given(
        lambda: nn.Sequential(Turn(), nn.Conv1d(24, 24, 3), nn.ReLU(), nn.Conv1d(24, 12, 1), Turn()),
        torch.zeros(2, 8, 24),
        precision=Precision("int8", tolerance=0.2),
    ),
}


class Turn(nn.Module):
    """Time and features change places."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)
