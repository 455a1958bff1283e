"""A snapshot before the first output: delays may hold what comes of frames that nobody pushed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import InputError, load


class Changes(nn.Module):
    """The change of the mean so far of changes: the mean of nothing, 0 / 0, stands in front of the first one."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 3) -> (batch, time - 2, 3)."""
        changes = x[:, 1:] - x[:, :-1]
        means = changes.cumsum(1) / torch.arange(1, changes.shape[1] + 1)[:, None]
        return means[:, 1:] - means[:, :-1]


def test_a_snapshot_of_any_frame_goes_on(tmp_path: Path) -> None:
    """Of the first frames too."""
    quickly.export(Changes(), torch.randn(1, 12, 3), tmp_path / "net.onnx")
    model, x = load(tmp_path / "net.onnx"), np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)
    expected = Changes()(torch.from_numpy(x[None]))[0].numpy()
    lost = 0
    for cut in range(len(x)):
        one, other = model.stream(), model.stream()
        found = [one.push(x[:cut])]
        lost += any(not np.isfinite(state).all() for state in one.states.values())
        other.restore(one.snapshot())
        found += [other.push(x[cut:]), other.finish()]
        np.testing.assert_allclose(np.concatenate(found), expected, rtol=0, atol=2e-6)
    assert lost, "nothing was shown"


def test_a_state_that_is_no_number_is_refused_once_outputs_have_begun(tmp_path: Path) -> None:
    """Nothing of it would leave the stream again."""
    quickly.export(Changes(), torch.randn(1, 12, 3), tmp_path / "net.onnx")
    stream = load(tmp_path / "net.onnx").stream()
    stream.push(np.full((6, 3), 3e38, np.float32) * np.float32([[1], [-1], [1], [-1], [1], [-1]]))
    assert any(not np.isfinite(state).all() for state in stream.states.values())
    with pytest.raises(InputError, match="holds a NaN or an infinity"):
        stream.restore(stream.snapshot())
