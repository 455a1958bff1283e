"""Frames that somebody changes while they are pushed: the call takes what they were when it looked at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from exported import Exported, export_window

from rnnedge_runtime import Model, Stream, _waiting_frames, load, stream_runner

Frames = np.ndarray


def _frames(model: Model, count: int) -> Frames:
    shape = (count, *(int(d) for d in model.contract.inputs[0].frame_shape))
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("policy", ["hold", "zero", "reset"])
def test_a_callback_may_change_the_frames_that_are_being_pushed(native: Exported, policy: Any) -> None:
    """It hears of the fault before they are run."""
    given = _frames(native.model, 40)
    given[5] = np.nan
    clean = given.copy()

    def spoil(_: object) -> None:
        given[-3:] = np.nan

    found = native.model.stream(non_finite=policy, on_event=spoil).push(given)
    assert np.array_equal(found, native.model.stream(non_finite=policy).push(clean))
    assert np.isnan(given[-1]).all()


def test_another_thread_may_change_the_frames_that_are_being_pushed(
    native: Exported, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after a push has looked whether they are finite: at the size before, at a new one, where some wait."""
    isfinite = np.isfinite
    strided = load(export_window("stride", tmp_path_factory.mktemp("stride")).path)
    for model in (native.model, strided):
        unit = model.contract.unit
        pushes = [_frames(model, count) for count in (9 * unit, unit, unit, 2 * unit + 1, 2 * unit, unit, 3 * unit)]
        expected = _pushed(model.stream(), pushes, lambda _: None)
        looked: list[Frames] = []

        def look(*given: Frames, looked: list[Frames] = looked) -> Frames:
            found: Frames = isfinite(*given)
            for frames in looked:
                frames[...] = np.nan
            return found

        with monkeypatch.context() as patch:
            for looks in (stream_runner, _waiting_frames):
                patch.setattr(looks, "_isfinite", look)
            patch.setattr(np, "isfinite", look)
            found = _pushed(model.stream(), pushes, looked.append)
        assert all(np.isnan(frames).all() for frames in looked)
        assert all(map(np.array_equal, found, expected))


def _pushed(stream: Stream, pushes: list[Frames], before: Callable[[Frames], None]) -> list[Frames]:
    found = []
    for frames in pushes:
        own = frames.copy()
        before(own)
        found.append(stream.push(own))
    return found
