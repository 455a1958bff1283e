"""Networks that show faults of sizes and names: attention twice, masks, multiples of frames, proven ranges."""

from __future__ import annotations

import torch
from shown_by import Wide, given
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from rnnedge_export import Precision


class TwoMasks(nn.Module):
    """Summaries of two values that wait differently."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(5, 4, 5, padding=2), nn.Conv1d(5, 4, 9, padding=4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.sigmoid(x.transpose(1, 2))
        return (-F.softplus(self.a(x))).amax(2), self.b(x).mean(2)


class TwoAttentions(nn.Module):
    """Attention over four frames, of frames and of a lookahead over them."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(5, 5) for _ in range(3))
        self.conv = nn.Conv1d(5, 5, 5, padding=2)

    def attend(self, x: Tensor) -> Tensor:
        place = torch.arange(x.shape[1])
        apart = place[:, None] - place[None]
        scores = self.q(x) @ self.k(x).transpose(1, 2) - 0.5 * apart
        return scores.masked_fill((apart < 0) | (apart > 4), -torch.inf).softmax(-1) @ self.v(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.attend(x) + self.attend(self.conv(x.transpose(1, 2)).transpose(1, 2))


class FarAhead(nn.Module):
    """A lookahead of twenty frames in front of a recurrence."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gru = nn.Conv1d(5, 5, 41, padding=20), nn.GRU(5, 6, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(self.conv(x.transpose(1, 2)).transpose(1, 2))[0]


class Multiples(nn.Module):
    """Four frames as one, of sequences that are multiples of four frames."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(20, 6)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.layer(x.reshape(x.shape[0], -1, 20)))


class Positive(nn.Module):
    """A layer behind numbers of 0.5 to 1.5."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(24, 24), nn.Linear(24, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.sigmoid(self.a(x)) + 0.5)


class Joined(nn.Module):
    """Layers behind numbers that are joined, and behind sums of several."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(24, 24), nn.Linear(24, 24)

    def forward(self, x: Tensor) -> Tensor:
        t, s = torch.tanh(x), torch.sigmoid(x)
        sums = torch.stack([t, t.flip(-1), t.roll(1, -1)], -1).sum(-1)
        return self.a(torch.cat([t[..., :12], 3 * s[..., 12:]], -1)) + self.b(sums)


class Slow(nn.Module):
    """A GRU that forgets within some hundred frames."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(5, 6, batch_first=True), nn.Linear(6, 3)
        with torch.no_grad():
            self.gru.bias_ih_l0[6:12] = 6

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(x)[0])


class Exponential(nn.Module):
    """Without a bound."""

    def forward(self, x: Tensor) -> Tensor:
        return x.exp()


X24 = torch.zeros(2, 8, 24)
ROUGH = {"precision": Precision("int8", tolerance=0.2), "form": "step"}
NETWORKS = {
    "two masks, unrolled": given(TwoMasks, form="unrolled", chunk=4),
    "two attentions": given(TwoAttentions),
    "far ahead": given(FarAhead, torch.zeros(2, 48, 5)),
    "multiples": given(Multiples),
    "positive": given(Positive, X24, **ROUGH),
    "joined ranges": given(Joined, X24, **ROUGH),
    "slow, step": given(Slow, form="step"),
    "exponential": given(Exponential, form="step"),
    "two precisions": given(Wide, X24, precision=Precision("int8", {"head": "bf16"})),
}
