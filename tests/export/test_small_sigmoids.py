"""Divisions, norms, roots and logarithms show sigmoids far below 0 as PyTorch has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import quickly
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_runtime import load


class Shown(nn.Module):
    """`function` of what a layer gives."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.bias = nn.Parameter(torch.linspace(-1, 1, 4))

    def forward(self, x: Tensor) -> Tensor:
        """Of a feature and its bias."""
        return self.function(x + self.bias)


def _gates(x: Tensor) -> Tensor:
    gates = torch.sigmoid(x)
    return gates / gates.sum(-1, keepdim=True)


def _guarded(x: Tensor) -> Tensor:
    gates = torch.sigmoid(x) ** 2
    return gates / (gates.sum(-1, keepdim=True) + 1e-12)


def _length(x: Tensor) -> Tensor:
    return functional.normalize(functional.silu(x), dim=-1)


def _rms(x: Tensor) -> Tensor:
    y = functional.silu(x)
    return y / torch.sqrt((y**2).mean(-1, keepdim=True) + 1e-5)


def _loud_rms(x: Tensor) -> Tensor:
    """Beside loud frames, no constant of a norm hides what is small."""
    y = functional.silu(x) * 1e12
    return y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-3)


def _products(x: Tensor) -> Tensor:
    """As linear attention has them, added up in a loop, with a part of each frame."""
    y, state, rows = functional.silu(x), torch.zeros(x.shape[0], 4, 4), []
    for t in range(x.shape[1]):
        state = 0.5 * state + y[:, t, :, None] * y[:, t, None]
        rows.append((state @ y[:, t, :, None]).squeeze(-1) + 0.1 * y[:, t])
    z = torch.stack(rows, 1)
    return z / z.abs().amax(-1, keepdim=True)


SHOWN = [
    _products,
    _gates,
    _guarded,
    _length,
    _rms,
    _loud_rms,
    lambda x: torch.log(torch.sigmoid(x)),
    lambda x: torch.sqrt(torch.sigmoid(2 * x)),
    lambda x: functional.layer_norm(functional.silu(x), (4,)),
]


@pytest.mark.parametrize("function", SHOWN)
def test_small_values_are_those_of_torch(function: Callable[[Tensor], Tensor], tmp_path: Path) -> None:
    """Down to where float32 has no number any more."""
    module = Shown(function).eval()
    quickly.export(module, torch.zeros(1, 8, 4), tmp_path / "net.onnx")
    x = -torch.linspace(0, 40, 81)[:, None].repeat(1, 4)
    found = load(tmp_path / "net.onnx").stream().push(x.numpy())
    np.testing.assert_allclose(found, module(x[None])[0].detach().numpy(), rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.sigmoid(x) * x,
        lambda x: torch.sigmoid(x) / 3.0,
        lambda x: 1 / (1.5 + torch.sigmoid(x)),
        lambda x: functional.layer_norm(x + functional.silu(x) @ torch.eye(4), (4,)),
    ],
)
def test_others_stay_one_node(function: Callable[[Tensor], Tensor], tmp_path: Path) -> None:
    """Where what is added, or what scales, hides them."""
    quickly.export(Shown(function).eval(), torch.zeros(1, 8, 4), tmp_path / "net.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node]
    assert "Sigmoid" in kinds and "Exp" not in kinds
