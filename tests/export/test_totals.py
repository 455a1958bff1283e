"""Totals of what other totals gate: far out a gate may close, and the other total grows no more, as in the source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_runtime import load


def _running(x: Tensor) -> Tensor:
    return x.cumsum(1) / torch.arange(1, x.shape[1] + 1).view(1, -1, 1)


class Gated(nn.Module):
    """Frames gated by their running mean, as cumulative squeeze and excitation does, and the mean of those."""

    def forward(self, x: Tensor) -> Tensor:
        return _running(x * functional.hardsigmoid(3 - 4 * _running(x)))


def test_a_gate_between_two_totals_is_no_defect(tmp_path: Path) -> None:
    """The proof jumps one total at a time."""
    x = torch.randn(1, 30, 3)
    quickly.export(Gated().eval(), x[:, :8], tmp_path / "net.onnx")
    np.testing.assert_allclose(load(tmp_path / "net.onnx").run(x[0].numpy()), Gated()(x)[0].numpy(), rtol=0, atol=2e-6)


class Phase(nn.Module):
    """A phase: the total of steps that are held over eight samples."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.repeat_interleave(8, 1) * 0.11).cumsum(1)


@pytest.mark.parametrize("form", ["native", pytest.param("step", marks=pytest.mark.long)])
def test_a_long_call_adds_as_exactly_as_many_short_ones(form: str, tmp_path: Path) -> None:
    """Sums of 16,000 samples are right to a rounding, in one push too, and in machine code of a few frames a call."""
    quickly.export(Phase(), torch.rand(1, 40, 2), tmp_path / "net.onnx", form=form)
    x = np.random.default_rng(0).uniform(0, 1, (2000, 2)).astype(np.float32)
    expected = np.cumsum((np.repeat(x, 8, 0) * np.float32(0.11)).astype(np.float64), 0)
    model, ulp = load(tmp_path / "net.onnx", trust="strict"), np.spacing(np.float32(expected.max()))
    for cuts in ([], [1, 2, 3, 700]):
        stream = model.stream()
        found = np.concatenate([*(stream.push(piece) for piece in np.split(x, cuts)), stream.finish()])
        np.testing.assert_allclose(found, expected, rtol=0, atol=ulp)
