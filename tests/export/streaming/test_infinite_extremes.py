"""The largest of frames that are -infinity, as the logarithm of silence is; and of whole numbers, with their sum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import rnnedge_export
from rnnedge_export import Effort
from rnnedge_runtime import load

BRIEF = Effort(lengths=(1, 7), batches=(1,), frames=16, signals=(), roads=())


class Levels(nn.Module):
    """Both ends of a level, which nothing but infinities may be in."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        level = x.abs().log()
        return level.amax(1), (-level).amin(1)


class Counts(nn.Module):
    """Both ends of whole numbers."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.amax(1), x.amin(1)


@pytest.mark.parametrize("form", ["native", "step", "unrolled"])
def test_the_largest_of_silence_is_minus_infinity(form: str, tmp_path: Path) -> None:
    """Not the lowest number; as PyTorch has it."""
    rnnedge_export.export(Levels(), torch.randn(2, 8, 3), tmp_path / "m.onnx", form=form, effort=BRIEF)
    frames = np.random.default_rng(0).standard_normal((11, 3)).astype(np.float32)
    frames[:9, 0] = frames[:, 1] = 0
    expected = Levels()(torch.from_numpy(frames)[None])
    for found, wanted in zip(load(tmp_path / "m.onnx").run(frames).values(), expected, strict=True):
        np.testing.assert_allclose(found, wanted[0].numpy(), rtol=1e-5)


@pytest.mark.parametrize("form", ["native", "unrolled"])
def test_whole_numbers_have_a_largest_one(form: str, tmp_path: Path) -> None:
    """Negative and positive ones alone, too: nothing stands in for those before frame 0."""
    rnnedge_export.export(Counts(), torch.arange(16).reshape(2, 8), tmp_path / "m.onnx", form=form, effort=BRIEF)
    model = load(tmp_path / "m.onnx")
    for frames in (np.arange(-20, -9), np.arange(5, 12)):
        assert [int(found) for found in model.run(frames).values()] == [frames.max(), frames.min()]


class Loud(nn.Module):
    """How many frames are loud, as truth values and as whole numbers."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x > 0).sum(1), x.round().long().sum(1)


@pytest.mark.parametrize("form", ["native", "unrolled"])
def test_whole_numbers_have_a_sum(form: str, tmp_path: Path) -> None:
    """Its state is one of whole numbers from the beginning."""
    rnnedge_export.export(Loud(), torch.randn(2, 8, 3), tmp_path / "m.onnx", form=form, effort=BRIEF)
    frames = np.random.default_rng(0).normal(0, 5, (11, 3)).astype(np.float32)
    count, total = load(tmp_path / "m.onnx").run(frames).values()
    assert count.tolist() == (frames > 0).sum(0).tolist()
    assert total.tolist() == np.round(frames).astype(np.int64).sum(0).tolist()
