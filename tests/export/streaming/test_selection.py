"""What is chosen or moved within a frame streams: experts, code books, sorted features, triangles, pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import quickly
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_runtime import ModelRefused, load

C = 8


class Network(nn.Module):
    """A function of frames, and of the frame before it."""

    def __init__(self, function: Callable[[Network, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.function = function
        self.gate, self.experts = nn.Linear(C, 3), nn.ModuleList(nn.Linear(C, C) for _ in range(3))
        self.book = nn.Parameter(torch.randn(5, C))
        self.register_buffer("bounds", torch.linspace(-0.5, 0.5, 5))

    def forward(self, x: Tensor) -> Tensor:
        y = self.function(self, x)
        return y + functional.pad(y, (0, 0, 1, -1))


def _mixture(net: Network, x: Tensor) -> Tensor:
    weight, place = net.gate(x).softmax(-1).topk(2, -1)
    every = torch.stack([expert(x) for expert in net.experts], -2)
    return (every.gather(-2, place[..., None].expand(*place.shape, C)) * weight[..., None]).sum(-2)


def _code(net: Network, x: Tensor) -> Tensor:
    return net.book[((x.unsqueeze(-2) - net.book) ** 2).sum(-1).argmin(-1)]


def _masked(net: Network, x: Tensor) -> Tensor:
    y = net.experts[0](x)
    y[:, :, net.bounds[torch.tensor([0, 4, 0, 4, 0, 4, 4, 4])] < 0] = 0
    y[y < -0.5] = -0.5
    y[..., 3:5][x[..., :2] > 0] = 1.0
    return y


def _scattered(net: Network, x: Tensor) -> Tensor:
    scores = net.gate(x)
    weight, place = scores.topk(2, -1)
    chosen = torch.zeros_like(scores).scatter_(-1, place, weight.softmax(-1))
    left = torch.full_like(scores, 2.0).scatter(-1, place, 0.0)
    return net.experts[0](x) * (chosen[..., :1] + left[..., 1:2])


FUNCTIONS: dict[str, Callable[[Network, Tensor], Tensor]] = {
    "mixture of experts": _mixture,
    "code book": _code,
    "sorted features": lambda _, x: x.sort(-1)[0],
    "buckets": lambda net, x: torch.bucketize(x, net.bounds).float(),
    "searched": lambda net, x: torch.searchsorted(net.bounds, x.contiguous(), right=True).float(),
    "ranked": lambda _, x: x.kthvalue(3, -1, keepdim=True)[0] - x.median(-1)[0].unsqueeze(-1) + x,
    "masked": _masked,
    "scattered": _scattered,
    "triangle": lambda _, x: torch.tril(x[..., None] * x[..., None, :]).flatten(2),
    "pixels": lambda _, x: functional.pixel_shuffle(x.reshape(-1, 4, 2, 1), 2).reshape(x.shape[0], x.shape[1], C),
}


@pytest.mark.parametrize(
    "name",
    [name if name == "mixture of experts" else pytest.param(name, marks=pytest.mark.long) for name in FUNCTIONS],
)
def test_a_choice_within_a_frame_streams(name: str, tmp_path: Path) -> None:
    """In uneven pieces it gives what the module gives at once."""
    net, x = Network(FUNCTIONS[name]).eval(), torch.randn(1, 20, C)
    quickly.export(net, x, tmp_path / "net.onnx")
    stream = load(tmp_path / "net.onnx").stream()
    found = [stream.push(piece.numpy()) for piece in x[0].split([1, 2, 10, 7])] + [stream.finish()]
    torch.testing.assert_close(torch.cat([torch.from_numpy(part) for part in found]).float(), net(x)[0].detach())


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda _, x: x.topk(2, 1)[0], r"TopK\): cannot stream: it sorts the frames"),
        (lambda _, x: x.sort(1)[0], r"TopK\): cannot stream: it sorts the frames"),
        (
            lambda _, x: functional.adaptive_avg_pool1d(x.transpose(1, 2), 4).transpose(1, 2),
            "output 'y': has as many frames for a sequence of any length",
        ),
    ],
)
def test_a_choice_among_frames_is_refused(function: Callable[[Network, Tensor], Tensor], words: str, tmp_path: Path):
    """It needs the whole sequence."""
    with pytest.raises(ModelRefused, match=words):
        quickly.export(Network(function).eval(), torch.randn(1, 20, C), tmp_path / "net.onnx")
