"""A branch on what is left over of a length is for every length what the module does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from remainder_idioms import (
    Blocks,
    OtherWhole,
    filled_behind_colons,
    filled_in,
    joined_if_left_over,
    padded_if_left_over,
    padded_up,
)
from torch import Tensor

from rnnedge_runtime import load

_CASES = [
    (padded_if_left_over, 45), (filled_in, 40), (filled_behind_colons, 45), (padded_up, 45),
    *(
        pytest.param(each, samples, marks=pytest.mark.long)
        for each, samples in ((padded_if_left_over, 40), (joined_if_left_over, 40), (filled_in, 45))
    ),
]  # fmt: skip


@pytest.mark.parametrize(("padded", "samples"), _CASES)
def test_blocks_are_filled_where_something_is_left_over(
    padded: Callable[[Tensor], Tensor], samples: int, tmp_path: Path
) -> None:
    """Whatever remainder the example has, and whatever the stream has."""
    torch.manual_seed(0)
    module = Blocks(padded).eval()
    quickly.export(module, torch.randn(1, 1, samples), tmp_path / "m.onnx", time_axis=2)
    model = load(tmp_path / "m.onnx")
    for length in range(64, 73):
        x = torch.randn(1, 1, length)
        with torch.no_grad():
            expected = module(x)[0].T.numpy()
        stream, frames = model.stream(), x[0].T.numpy()
        parts = [stream.push(frames[:13]), stream.push(frames[13:]), stream.finish()]
        np.testing.assert_allclose(np.concatenate(parts), expected, rtol=0, atol=1e-6)


def test_a_branch_that_does_more_at_multiples_is_not_rounded_up(tmp_path: Path) -> None:
    """Whatever the block: its lengths are those that leave the same over, and no proof has to see it."""
    module = OtherWhole(13).eval()
    quickly.export(module, torch.randn(1, 1, 45), tmp_path / "m.onnx", time_axis=2)
    lengths = load(tmp_path / "m.onnx").contract
    assert lengths.grain == 13
