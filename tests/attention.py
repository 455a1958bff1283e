"""Networks of attention over a bounded window of past frames, and of frames of frames, as people write them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

Case = tuple[nn.Module, Tensor]
WIDTH, HEADS, WINDOW = 16, 4, 6


def distances(time: int) -> Tensor:
    """How many frames the column is older than the row, (time, time)."""
    index = torch.arange(time)
    return index[:, None] - index[None, :]


def band(time: int, window: int = WINDOW) -> Tensor:
    """True for the last `window` frames of every frame."""
    return (distances(time) >= 0) & (distances(time) < window)


class Attention(nn.Module):
    """q, k, v of several heads, met in the way that `meet(q, k, v)` says."""

    def __init__(self, meet: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.qkv, self.out, self.meet = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH), meet

    def forward(self, x: Tensor) -> Tensor:
        batch, time, _ = x.shape
        q, k, v = (a.view(batch, time, HEADS, -1).transpose(1, 2) for a in self.qkv(x).chunk(3, -1))
        return self.out(self.meet(q, k, v).transpose(1, 2).reshape(batch, time, WIDTH))


def masked(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Scores filled with minus infinity."""
    scores = q @ k.transpose(-1, -2) / 2
    return scores.masked_fill(~band(q.shape[2]), float("-inf")).softmax(-1) @ v


def triangles(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """A band made of two triangles, and a large number in place of infinity."""
    ones = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool)
    allowed = ones.tril() & ones.triu(1 - WINDOW)
    return torch.where(allowed, q @ k.transpose(-1, -2) * 0.4, torch.tensor(-1e9)).softmax(-1) @ v


def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """torch's own."""
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=band(q.shape[2]))


def biased(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """A slope by distance for each head (Press, Smith & Lewis, 2022), and a window."""
    slope = torch.tensor([1.0, 0.5, 0.25, 0.125])[:, None, None]
    bias = -slope * distances(q.shape[2])
    return (q @ k.transpose(-1, -2) / 2 + bias.masked_fill(~band(q.shape[2]), float("-inf"))).softmax(-1) @ v


def rotated(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Rotary positions (Su et al., 2021): q and k turned by the number of their frame."""
    angle = torch.arange(q.shape[2])[:, None] * torch.tensor([1.0, 0.1])
    cos, sin = angle.cos(), angle.sin()

    def turn(a: Tensor) -> Tensor:
        first, second = a.chunk(2, -1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)

    return masked(turn(q), turn(k), v)


class Torch(nn.Module):
    """nn.MultiheadAttention with a mask, and a residual around it."""

    def __init__(self, **options: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.norm, self.options = nn.LayerNorm(WIDTH), options

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.attention(x, x, x, attn_mask=~band(x.shape[1]), **self.options)
        return self.norm(x + y)


class Learned(nn.Module):
    """A learned bias for each distance, after a recurrence and a convolution that looks ahead."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gru = nn.Conv1d(WIDTH, WIDTH, 3, padding=1), nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.bias = nn.Embedding(WINDOW, 1)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.gru(self.conv(x.transpose(1, 2)).transpose(1, 2))
        bias = self.bias(distances(x.shape[1]).clamp(0, WINDOW - 1)).squeeze(-1)
        scores = (h @ x.transpose(1, 2)) / 4 + bias
        return scores.masked_fill(~band(x.shape[1]), float("-inf")).softmax(-1) @ h


class Unfolded(nn.Module):
    """Each frame meets the frames of its own window, cut out by unfold."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        k, v = (functional.pad(a, (0, 0, WINDOW - 1, 0)).unfold(1, WINDOW, 1) for a in (k, v))
        return ((q.unsqueeze(-1) * k).sum(2, keepdim=True).softmax(-1) * v).sum(-1)


class Framed(nn.Module):
    """Overlapping frames of samples, a spectrum-like product, a recurrence."""

    def __init__(self) -> None:
        super().__init__()
        self.basis, self.gru = nn.Linear(12, 10), nn.GRU(10, 6, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(self.basis(x.unfold(1, 12, 4)).abs())[0]


X = torch.randn(1, 40, WIDTH)
ATTENTION: dict[str, Callable[[], Case]] = {
    "masked": lambda: (Attention(masked), X),
    "triangles": lambda: (Attention(triangles), X),
    "fused": lambda: (Attention(fused), X),
    "biased": lambda: (Attention(biased), X),
    "rotated": lambda: (Attention(rotated), X),
    "two layers": lambda: (nn.Sequential(Attention(masked), nn.ReLU(), Attention(biased)), X),
    "torch": lambda: (Torch(need_weights=False), X),
    "torch, weights too": lambda: (Torch(), X),
    "learned": lambda: (Learned(), X),
    "unfolded": lambda: (Unfolded(), X),
    "framed": lambda: (Framed(), torch.randn(1, 60)),
}


def build(name: str) -> Case:
    """The named network with seeded weights, and its example."""
    torch.manual_seed(sum(map(ord, name)))
    module, example = ATTENTION[name]()
    return module.eval(), example
