"""The end padded to whole blocks by a branch on what is left over, in front of what reaches over the next block."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


def padded_if_left_over(x: Tensor) -> Tensor:
    """By a block less what is left over."""
    n = x.shape[-1]
    if n % 8 != 0:
        x = functional.pad(x, (0, 8 - n % 8))
    return x


def joined_if_left_over(x: Tensor) -> Tensor:
    """The same, of divmod."""
    _, rest = divmod(x.shape[-1], 8)
    return torch.cat([x, x.new_zeros(x.shape[0], 1, 8 - rest)], -1) if rest else x


def filled_in(x: Tensor) -> Tensor:
    """Frames written into zeros that are as long as one block or more."""
    n = x.shape[-1]
    blocks = 1 if n < 8 else n // 8 + (1 if n % 8 else 0)
    padded = torch.zeros([*x.shape[:-1], blocks * 8]).to(x.device)
    padded[..., :n] = x
    return padded


def filled_behind_colons(x: Tensor) -> Tensor:
    """The same, of a number that is rounded up by a division of what is negative."""
    n = x.shape[-1]
    padded = x.new_empty((x.shape[0], 1, -(-n // 8) * 8)).zero_()
    padded[:, :, :n] = x
    return padded


def padded_up(x: Tensor) -> Tensor:
    """By a number that is rounded up so."""
    n = x.shape[-1]
    return functional.pad(x, (0, -(-n // 8) * 8 - n))


class Blocks(nn.Module):
    """(batch, 1, samples) -> as many: half blocks, a recurrence, and back."""

    def __init__(self, padded: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.padded = padded
        self.down, self.gru, self.up = nn.Conv1d(1, 4, 8, 4), nn.GRU(4, 4), nn.ConvTranspose1d(4, 1, 8, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.down(self.padded(x))).permute(2, 0, 1)
        return self.up(self.gru(y)[0].permute(1, 2, 0))[..., : x.shape[-1]]


class OtherWhole(nn.Module):
    """(batch, 1, samples) -> as many: twice as loud where whole blocks come."""

    def __init__(self, block: int) -> None:
        super().__init__()
        self.block = block
        self.down, self.gru = nn.Conv1d(1, 4, block, block), nn.GRU(4, 4)
        self.up = nn.ConvTranspose1d(4, 1, block, block)

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[-1]
        x = functional.pad(x, (0, self.block - n % self.block)) if n % self.block else 2 * x
        return self.up(self.gru(self.down(x).permute(2, 0, 1))[0].permute(1, 2, 0))[..., :n]
