"""Networks that are written as people write them: assigned padding, buckets, indices, lengths, cut kernels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from shown_by import Shown, given
from torch import Tensor, nn


class Places(nn.Module):
    """Buckets of numbers on their edges, from either side, and features in another order, some twice."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("edges", torch.tensor([-1.0, -0.25, 0.25, 0.25, 2.0]))
        self.register_buffer("order", torch.tensor([4, 0, 0, 3]))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {
            "left": torch.bucketize(x, self.edges),
            "right": torch.bucketize(x, self.edges, right=True, out_int32=True),
            "chosen": x[..., self.order],
            "last": x[..., [-1, 1]],
        }


class Assigned(nn.Module):
    """Frames in front and behind that are assigned to, of ones and of another number; windows over them."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.far = nn.Conv1d(5, 4, 4), nn.Conv1d(5, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        behind = x.new_ones(x.shape[0], x.shape[1] + 3, 5)
        behind[:, 3 : x.shape[1] + 3] = x
        around = torch.full((x.shape[0], x.shape[1] + 2, 5), -0.5)
        around[:, 1 : x.shape[1] + 1] = x
        return torch.cat([self.near(behind.transpose(1, 2)), self.far(around.transpose(1, 2))], 1).transpose(1, 2)


class RoundedUp(nn.Module):
    """Frames made up to a multiple of four, a mean of four, and back."""

    def forward(self, x: Tensor) -> Tensor:
        whole = -(-x.shape[1] // 4) * 4
        padded = nn.functional.pad(x, (0, 0, 0, whole - x.shape[1]))
        return padded.unflatten(1, (-1, 4)).amax(2)


class CutKernels(nn.Module):
    """Kernels whose last taps are zeros: dilated, strided, over more than padding, and one of zeros alone."""

    def __init__(self) -> None:
        super().__init__()
        self.dilated = nn.Conv1d(5, 4, 7, padding=6, dilation=2)
        self.near, self.nothing = nn.Conv1d(5, 3, 9, padding=4), nn.Conv1d(5, 2, 5, padding=2)
        with torch.no_grad():
            self.dilated.weight[:, :, 4:] = 0
            self.near.weight[:, :, 7:] = 0
            self.nothing.weight[:] = 0

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        rows = x.transpose(1, 2)
        return {
            "dilated": self.dilated(rows).transpose(1, 2),
            "near": self.near(rows).transpose(1, 2),
            "nothing": self.nothing(rows).transpose(1, 2),
        }


class CutStrides(nn.Module):
    """Every third frame, by a kernel of which the last two taps are zeros and nothing is padded behind."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(5, 4, 7, stride=3)
        with torch.no_grad():
            self.conv.weight[:, :, 5:] = 0

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.transpose(1, 2)).transpose(1, 2)


X24 = torch.zeros(2, 24, 5)
NETWORKS: dict[str, Callable[[], Shown]] = {
    "places": given(Places),
    "assigned": given(Assigned),
    "rounded up": given(RoundedUp),
    "cut kernels": given(CutKernels, X24),
    "cut strides": given(CutStrides, X24),
}
