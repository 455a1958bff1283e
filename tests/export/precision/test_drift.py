"""The drift gate, on errors whose course is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_export import Precision
from rnnedge_export.precision import drift as module
from rnnedge_export.precision.drift import Drift, drift
from rnnedge_runtime import ModelRefused, VerificationError

FRAMES = 4000


def course(
    errors: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    tolerance: float = 0.1,
    metric: Any = None,
    *,
    settled: bool = False,
) -> Drift:
    """The gate over two files whose outputs differ by `errors`."""
    outputs = iter(({"y": np.zeros((len(errors), 2))}, {"y": np.stack([errors, -errors / 2], 1)}))
    monkeypatch.setattr(module, "outputs_of", lambda *_: next(outputs))
    return drift(cast(Any, "float32"), cast(Any, "narrow"), {}, tolerance, metric, settled=settled)


def test_an_error_that_stays_is_no_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise of a constant size passes and does not grow."""
    found = course(np.random.default_rng(0).standard_normal(FRAMES) * 0.01, monkeypatch)
    assert found.passed
    assert not found.grows
    assert found.first_divergence is None


def test_a_walk_is_found_with_its_rate_and_its_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of 0.05 for each 1,000 frames reaches 0.1 at frame 2,000, and its slope is said."""
    found = course(np.arange(FRAMES) * 5e-5, monkeypatch)
    assert not found.passed
    assert found.grows
    assert found.growth == pytest.approx(0.05, rel=0.01)
    assert found.first_divergence == 2001


def test_a_quiet_channel_beside_a_loud_one_has_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of 0.3 is beyond 0.1 for a probability, and within it for an energy of 1,000 that came before."""
    expected = np.zeros((FRAMES, 2))
    expected[10:, 1] = 1000.0
    for channel, first in ((0, 20), (1, None)):
        found = expected.copy()
        found[20:, channel] += 0.3
        outputs = iter(({"y": expected}, {"y": found}))
        monkeypatch.setattr(module, "outputs_of", lambda *_, outputs=outputs: next(outputs))
        measured = drift(cast(Any, "float32"), cast(Any, "narrow"), {}, 0.1)
        assert measured.first_divergence == first
    grows = np.linspace(1, 4, FRAMES)[:, None]
    np.testing.assert_allclose(module.errors_of({"y": grows}, {"y": grows + 1}, 1 / 3)[[0, -1]], [1, 0.5], rtol=1e-3)


def test_what_grows_has_a_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of 0.01 for each 1,000 frames passes 0.1 at frame 10,000; noise, and what settles, have none."""
    noise = np.abs(np.random.default_rng(1).standard_normal(FRAMES)) * 1e-3
    found = course(np.arange(FRAMES) * 1e-5 + noise, monkeypatch)
    assert found.passed and found.unbounded
    assert found.lasts == pytest.approx(10_000, rel=0.05)
    assert course(np.arange(FRAMES) * 1e-5 + noise, monkeypatch, settled=True).lasts == pytest.approx(10_000, rel=0.05)
    settles = 0.05 * (1 - np.exp(-np.arange(FRAMES) / 300)) + noise
    assert course(settles, monkeypatch).grows
    assert course(settles, monkeypatch, settled=True).lasts is None
    assert course(noise, monkeypatch).lasts is None


def test_a_sum_that_drifts_is_refused_with_its_length(tmp_path: Path) -> None:
    """Unless streams are reset before; a recurrence of the same weights is accepted."""
    torch.manual_seed(0)
    layer = nn.Linear(16, 16)
    recurrence, total = _Recurrence(layer).eval(), _Total(layer).eval()
    x, path = torch.randn(1, 16, 16), tmp_path / "m.onnx"
    quickly.export(recurrence, x, path, precision="int8")
    path.unlink()
    with pytest.raises(
        VerificationError, match=r"without bound.* passes the tolerance, [\d.]+, at about frame \d\d,\d"
    ):
        quickly.export(total, x, path, precision="int8")
    assert not path.exists()
    report = quickly.export(total, x, path, precision=Precision("int8", longest=20_000))
    assert report.shrunk is not None and report.shrunk.drift.grows
    with pytest.raises(ModelRefused, match="precision: longest: expected an integer, 1 or more, found 0"):
        Precision("int8", longest=0)


class _Recurrence(nn.Module):
    """A GRU behind a layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer, self.gru = layer, nn.GRU(16, 16, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(torch.tanh(self.layer(x)))[0]


class _Total(_Recurrence):
    """The sum of its outputs so far."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cumsum(super().forward(x) * 1e-3, 1)


def test_a_nan_is_a_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither within the tolerance nor forgotten by the maximum."""
    errors = np.zeros(FRAMES)
    errors[7] = np.nan
    found = course(errors, monkeypatch)
    assert not found.passed
    assert found.first_divergence == 7
    assert np.isnan(found.max_error)


def test_a_score_comes_with_the_interval_of_its_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paired: 30 of 1,000 items change, so the interval is a fraction of what two independent ones would give."""
    before = np.zeros(1000)
    before[:900] = 1.0
    after = before.copy()
    after[:20], after[990:] = 0.0, 1.0
    scores = {"float32": before, "narrow": after}
    found = course(np.zeros(FRAMES), monkeypatch, metric=lambda model: scores[model])
    assert found.score is not None
    assert found.score.float32 == pytest.approx(0.9)
    assert found.score.narrow == pytest.approx(0.89)
    half = 1.96 * np.std(after - before, ddof=1) / np.sqrt(1000)
    assert found.score.low == pytest.approx(-0.01 - half)
    assert found.score.high == pytest.approx(-0.01 + half)


def test_chance_is_seldom_taken_for_growth() -> None:
    """Of 400 courses of noise, about one in forty has a slope above its interval: it is one-sided at 95 %."""
    grown = 0
    for seed in range(400):
        slope, margin = module._slope(np.abs(np.random.default_rng(seed).standard_normal(2000)))
        grown += slope > margin
    assert grown < 25
