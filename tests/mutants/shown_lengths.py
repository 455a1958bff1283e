"""Lengths that are computed, padding, frames of frames, totals, branches."""

from __future__ import annotations

import torch
from shown_by import given, noise
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Lengths(nn.Module):
    """Padded to a multiple of four, strided, cut to what it was, and the first frames left out."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv1d(5, 6, 4, stride=4), nn.ConvTranspose1d(6, 5, 6, stride=4, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1]
        y = F.pad(x.transpose(1, 2), (0, -n % 4), value=0.25)
        return self.up(torch.tanh(self.down(y)))[:, :, :n].transpose(1, 2)


class Blocks(nn.Module):
    """Whole blocks of four frames only, beside the frames themselves, from the third on."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.sigmoid(self.front(x))[:, : x.shape[1] // 4 * 4]
        return (y.cumsum(1) * 0.1 + y)[:, 3:]


class Ends(nn.Module):
    """Frames put in front: learned, constant, the first one again; behind a lookahead too."""

    def __init__(self) -> None:
        super().__init__()
        self.start, self.conv = nn.Parameter(noise(1, 2, 5)), nn.Conv1d(5, 4, 3)
        self.ahead, self.edge = nn.Conv1d(5, 5, 3, padding=1), nn.Conv1d(5, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.ahead(x.transpose(1, 2)).transpose(1, 2)
        y = torch.cat([self.start.expand(x.shape[0], -1, -1), y], 1).transpose(1, 2)
        z = F.pad(x.transpose(1, 2), (2, 0), mode="replicate")
        v = F.pad(torch.exp(x[..., :4]).transpose(1, 2), (2, 0), value=-0.5)
        return (self.conv(y) + self.edge(z) + F.avg_pool1d(v, 3, 1)).transpose(1, 2)


class LongStart(nn.Module):
    """More learned frames in front than a window reads."""

    def __init__(self) -> None:
        super().__init__()
        self.start, self.conv, self.layer = nn.Parameter(noise(1, 5, 5)), nn.Conv1d(5, 4, 3), nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([self.start.expand(x.shape[0], -1, -1), torch.tanh(self.layer(x))], 1).transpose(1, 2)
        return self.conv(y)[..., 3:].transpose(1, 2)


class Folded(nn.Module):
    """Frames of frames: four every two, through a layer, and added up again."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.layer(x[..., 0].unfold(1, 4, 2)))
        n = 2 * (y.shape[1] - 1) + 4
        return F.fold(y.transpose(1, 2), (1, n), (1, 4), stride=(1, 2)).reshape(x.shape[0], n, 1)


class Overlap(nn.Module):
    """A transposed convolution that reaches over three steps."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose1d(5, 3, 11, stride=4)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(torch.tanh(x).transpose(1, 2)).transpose(1, 2)


class Counted(nn.Module):
    """A mean over everything so far and the number of the frame, of a layer with a lookahead and a stride."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(5, 4, 6, stride=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.conv(x.transpose(1, 2)).transpose(1, 2)
        place = torch.arange(y.shape[1], dtype=torch.float32)[None, :, None]
        return y + torch.sin(place * 0.3), y.mean(1), y.sum(1)


class Branches(nn.Module):
    """Three branches that wait differently, one with the features turned."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv1d(5, 5, 3, padding=1), nn.Conv1d(5, 5, 7, padding=3), nn.Conv1d(5, 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        a, b, c = torch.exp(0.3 * self.a(x)), self.b(x), self.c(F.pad(x, (2, 0)))
        return (a + c.flip(1) - b * (a > 1.0)).transpose(1, 2)


NETWORKS = {
    "lengths": given(Lengths),
    "blocks of frames": given(Blocks),
    "ends": given(Ends),
    "long start": given(LongStart),
    "folded": given(Folded, torch.zeros(2, 16, 1)),
    "long overlap": given(Overlap),
    "counted": given(Counted),
    "counted, step": given(Counted, form="step"),
    "counted, unrolled": given(Counted, form="unrolled", chunk=4),
    "branches": given(Branches),
}
