"""Arguments as data loaders and simulators give them: batches in a container, truth values, narrow integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import load

_TOLERANCE = 2e-6


class Named(NamedTuple):
    obs: Tensor
    done: Tensor


@dataclass
class Fields:
    obs: Tensor
    done: Tensor
    scale: float = 2.0


class Policy(nn.Module):
    """A recurrent policy that forgets at the end of an episode."""

    def __init__(self, read: Callable[[Any], tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell, self.read = nn.GRUCell(3, 4), read

    def forward(self, batch: Any) -> dict[str, Tensor]:
        obs, done = self.read(batch)
        h, ys = obs.new_zeros(len(obs), 4), []
        for t in range(obs.shape[1]):
            h = self.cell(obs[:, t], torch.where(done[:, t, None], 0.0, h) * ~done[:, t, None])
            ys.append(h)
        return {"h": torch.stack(ys, 1)}


_CONTAINERS: dict[str, tuple[Callable[[Tensor, Tensor], Any], Callable[[Any], tuple[Tensor, Tensor]]]] = {
    "dict": (lambda o, d: {"obs": o, "done": d}, lambda b: (b["obs"], b["done"])),
    "named tuple": (Named, lambda b: (b.obs, b.done)),
    "dataclass": (Fields, lambda b: (replace(b).obs, b.done)),
    "list": (lambda o, d: [o, d], lambda b: (b[0], b[1])),
}


@pytest.mark.parametrize("kind", [pytest.param(k, marks=[] if k == "dict" else pytest.mark.long) for k in _CONTAINERS])
def test_a_batch_in_a_container_is_as_many_inputs(kind: str, tmp_path: Path) -> None:
    """Called by the keys or fields; truth values are pushed as numbers."""
    make, read = _CONTAINERS[kind]
    module, x, done = Policy(read).eval(), torch.randn(1, 30, 3), torch.rand(1, 30) < 0.3
    quickly.export(module, (make(x[:, :8], done[:, :8]),), tmp_path / "net.onnx")
    with torch.no_grad():
        expected = module(make(x, done))["h"][0].numpy()
    names = ("x", "x1") if kind == "list" else ("obs", "done")
    frames = dict(zip(names, (x[0].numpy(), done[0].numpy().astype(np.int64)), strict=True))
    np.testing.assert_allclose(load(tmp_path / "net.onnx").run(frames), expected, rtol=0, atol=_TOLERANCE)


class Pixels(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        assert x.dtype == torch.uint8
        return (x.float() / 255).cumsum(1)


@pytest.mark.long
def test_bytes_are_pushed_as_int64(tmp_path: Path) -> None:
    """The module is given bytes."""
    x = torch.randint(0, 256, (1, 20, 3), dtype=torch.uint8)
    quickly.export(Pixels().eval(), x[:, :8], tmp_path / "net.onnx")
    found = load(tmp_path / "net.onnx").run(x[0].numpy().astype(np.int64))
    np.testing.assert_allclose(found, Pixels()(x)[0].numpy(), rtol=0, atol=2e-5)


class Hysteresis(nn.Module):
    """A truth value and a count are states, next to frames of floats."""

    def forward(self, x: Tensor) -> Tensor:
        on = torch.zeros(x.shape[0], dtype=torch.bool)
        count, ys = torch.zeros(x.shape[0], dtype=torch.long), []
        for t in range(x.shape[1]):
            on = torch.where(on, x[:, t, 0] > -0.5, x[:, t, 0] > 0.5)
            count = torch.where(on, count + 1, torch.zeros_like(count))
            ys.append(on & (count > 2))
        return torch.stack(ys, 1)


def test_a_choice_between_truth_values_streams(tmp_path: Path) -> None:
    """Onnxruntime has no operator for it, and a state has the type of its own."""
    x = torch.randn(1, 40, 1).cumsum(1)
    quickly.export(Hysteresis().eval(), x[:, :8], tmp_path / "net.onnx")
    assert np.array_equal(load(tmp_path / "net.onnx").run(x[0].numpy()), Hysteresis()(x)[0].numpy())


class Forecast(nn.Module):
    """Mean and deviation of a series that has a number."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.out = nn.Embedding(5, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        series = self.embedding(index).expand(-1, x.shape[1], -1)
        mean, deviation = self.out(torch.cat([x, series], -1)).unbind(-1)
        return mean, deviation.exp()


def test_a_result_as_large_as_an_argument_is_no_state(tmp_path: Path) -> None:
    """Of one frame the deviation is (1, 1), as the number of the series is."""
    report = quickly.export(Forecast().eval(), (torch.randn(1, 8, 1), torch.tensor([[2]])), tmp_path / "net.onnx")
    assert [port.name for port in report.contract.outputs] == ["y", "y1"]
