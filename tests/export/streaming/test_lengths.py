"""Lengths that a network computes are followed, and what is computed of them streams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from length_idioms import (
    BackToWaves,
    Between,
    C,
    Clip,
    CountedByNumpy,
    Cropped,
    FoldedZeros,
    FullWindows,
    Neighbours,
    OverlapAdd,
    ShorterBranch,
    SubBands,
    TwoWaves,
    WholeBlocks,
)
from separation_idioms import (
    AddedByIndex,
    AtLeastOneBlock,
    BandsInTheBatch,
    BandsThatAttend,
    ChangedInPlace,
    CountedByLen,
    GatedAfterPadding,
    PooledByItsLength,
    SquaresOfAWindow,
    WindowSquares,
)
from torch import nn

from rnnedge_export.capture._overlap_add import windows
from rnnedge_export.graph.length_fit import fitted
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.graph.symbolic_dims import size, without_extremes
from rnnedge_runtime import load
from rnnedge_runtime.clock import Clock

_CHANNELS_FIRST = torch.zeros(1, C, 24)
_NETWORKS = {
    "shorter branch": (ShorterBranch, _CHANNELS_FIRST, 2, 1),
    "full windows": (FullWindows, _CHANNELS_FIRST, 2, 16),
    "whole blocks": (WholeBlocks, _CHANNELS_FIRST, 2, 3),
    "cropped": (Cropped, _CHANNELS_FIRST, 2, 4),
    "folded zeros": (FoldedZeros, torch.zeros(1, 9, 4), 1, 1),
    "neighbours": (Neighbours, torch.zeros(1, 9, 6), 1, 1),
    "overlap-add": (OverlapAdd, torch.zeros(1, 32), 1, 4),
    "clip": (Clip, torch.zeros(1, 6, 20), 2, 1),
    "between": (Between, torch.zeros(1, 24, C), 1, 1),
    "back to waves": (BackToWaves, torch.zeros(1, 96), 1, 16),
    "counted by numpy": (CountedByNumpy, _CHANNELS_FIRST, 2, 1),
    "added by index": (AddedByIndex, torch.zeros(1, 64), 1, 8),
    "window squares": (WindowSquares, _CHANNELS_FIRST, 2, 1),
    "squares of a window": (SquaresOfAWindow, _CHANNELS_FIRST, 2, 1),
    "at least one block": (AtLeastOneBlock, torch.zeros(1, 1, 50), 2, 4),
    "bands in the batch": (BandsInTheBatch, torch.zeros(1, 9, 3, C), 1, 1),
    "bands that attend": (BandsThatAttend, torch.zeros(1, 40), 1, 4),
    "changed in place": (ChangedInPlace, _CHANNELS_FIRST, 2, 1),
    "counted by len": (CountedByLen, _CHANNELS_FIRST, 2, 1),
    "gated after padding": (GatedAfterPadding, _CHANNELS_FIRST, 2, 2),
    "pooled by its length": (PooledByItsLength, _CHANNELS_FIRST, 2, 2),
}


class Typed(nn.Module):
    """Asks for the type of a number, takes `int` as a dtype, and counts frames by keywords of NumPy."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, time), both."""
        count = torch.from_numpy(np.arange(start=1, stop=x.shape[2] + 1, dtype=np.float32))
        weights = torch.ones(C, dtype=int)[:, None] * torch.from_numpy(np.ones((C, 1), dtype=int))
        return weights * x.cumsum(2) / count if type(C) is int else -x


_NETWORKS["typed"] = (Typed, _CHANNELS_FIRST, 2, 1)


@pytest.mark.parametrize("name", _NETWORKS)
def test_a_length_that_is_computed_streams(name: str, tmp_path: Path) -> None:
    """Verified by the export, and equal PyTorch at lengths of every remainder."""
    make, example, axis, hop = _NETWORKS[name]
    torch.manual_seed(0)
    module: nn.Module = make().eval()
    report = quickly.export(module, torch.randn_like(example), tmp_path / "m.onnx", time_axis=axis)
    assert report.contract.hop == hop
    model = load(tmp_path / "m.onnx")
    for length in range(29, 29 + hop):
        x = torch.randn([length if i == axis else n for i, n in enumerate(example.shape)])
        with torch.no_grad():
            expected = module(x)[0].numpy()
        frames = np.ascontiguousarray(x[0].movedim(axis - 1, 0).numpy())
        stream = model.stream()
        parts = [stream.push(frames[:11]), stream.push(frames[11:]), stream.finish()]
        per_frame = model.contract.outputs[0].per_frame
        actual = np.concatenate(parts) if per_frame else parts[-1][-1]
        turned = expected.T if per_frame and model.contract.outputs[0].time_axis == 2 else expected
        np.testing.assert_allclose(actual, turned, rtol=0, atol=1e-5)


def test_blocks_of_all_frames_are_one_for_each_band(tmp_path: Path) -> None:
    """`F.unfold` with a kernel as long as the sequence, as sub-band networks write it."""
    report = quickly.export(SubBands().eval(), torch.randn(1, 6, 20), tmp_path / "m.onnx", time_axis=2)
    assert (report.contract.hop, report.contract.lookahead) == (1, 0)


def test_inputs_that_meet_as_frames_are_equally_long(tmp_path: Path) -> None:
    """Nothing in the network says so but that they are both of the example."""
    report = quickly.export(TwoWaves().eval(), (torch.randn(1, 32), torch.randn(1, 32)), tmp_path / "m.onnx")
    assert [port.shape for port in report.contract.inputs] == [("batch", "time")] * 2


@pytest.mark.parametrize(
    ("dim", "steps"),
    [
        ("time - 6", ((1, -6, 1),)),
        ("3*time//2", ((3, 0, 2),)),
        ("(time + PythonMod(-time, 4))//4", ((1, 3, 4),)),
        ("time - Mod(time, 320)", ((1, 0, 320), (320, 0, 1))),
        ("4*(time//4) + 4", ((1, 0, 4), (4, 4, 1))),
        ("4*Max(1, (time - 50)//4) + 12", ((1, -54, 4), (4, 16, 1))),
        ("CeilToInt(IntTrueDiv(5*CeilToInt(IntTrueDiv(time, 8)), 5))*8", ((1, 7, 8), (8, 0, 1))),
    ],
)
def test_a_length_is_found_as_the_steps_of_a_clock(dim: str, steps: object) -> None:
    """From what it comes to for a number of frames; every sum, division and remainder is one of torch's."""
    found = fitted(lambda total: size(dim, 1, total), Lengths(8))
    assert found == steps
    assert Clock(length=found or ()).valid(1234) == size(dim, 1, 1234)


def test_windows_are_found_from_the_numbers_of_their_parts() -> None:
    """How many parts, every how many; of parts in another order, or in one row, nothing is said."""
    for k, s in ((4, 2), (3, 1), (2, 3), (1, 2)):
        assert windows(torch.arange(30).unfold(0, k, s).flatten().tolist()) == (k, s)
    for places in ([0, 1, 2], [0, 1, 1, 2, 3, 4], [1, 2, 2, 3], [0, 1, 0, 1], [1, 0, 2, 1], [0]):
        assert windows(places) is None


@pytest.mark.parametrize("dim", ["min(time, 100)", "time//2 + time//3", "12"])
def test_a_length_of_no_regular_growth_has_no_steps(dim: str) -> None:
    """It ends, or grows by different numbers of frames."""
    assert fitted(lambda total: size(dim, 1, total), Lengths(8)) is None


def test_the_smaller_of_two_lengths_is_one_of_them() -> None:
    """If it is so at every length that the network takes."""
    samples = Lengths(8).samples
    assert without_extremes("Min(time - 6, time - 2) - 2", samples) == "time - 6 - 2"
    assert without_extremes("Max(1, time//4)", samples) == "time // 4"
    assert without_extremes("Min(time, 100)", samples) == "Min(time, 100)"
