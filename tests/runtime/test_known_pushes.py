"""Pushes of changing sizes: each gives what it always gave, and one that was seen before takes the short way."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
from exported import export_network
from native_library import compile_library
from windows import WINDOWS

from rnnedge_runtime import InputError, Model, Stream, load
from rnnedge_runtime._sequence_runner import Sequence

Array = np.ndarray[Any, Any]
# Twice each, so that the second one is known wherever it can be.
_SIZES = (1, 2, 7, 1, 2, 7, 3, 3, 40, 5, 1, 1, 40, 5, 9, 9, 2, 2, 6, 6) * 2


@pytest.fixture(scope="module", params=["gru-2 native", "both native", "lstm-1 step", "stride native", "stride step"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One frame a call and two, summaries, open calls and the step form, each with its library beside it."""
    name, form = request.param.split()
    folder = tmp_path_factory.mktemp("known")
    path = folder / "net.onnx"
    if name == "stride":
        quickly.export(*WINDOWS["stride"](), path, form=form)
    else:
        export_network(name, form, folder).path.rename(path)
    compile_library(path.read_bytes(), folder, block=2)
    return path


@pytest.fixture(params=["cpu", "native"])
def model(request: pytest.FixtureRequest, path: Path) -> Model:
    """On either engine."""
    return load(path, provider=request.param)


def frames(model: Model, count: int, batch: int) -> Array:
    """Of one input."""
    shape = (*((batch,) if batch > 1 else ()), count, *map(int, model.contract.inputs[0].frame_shape))
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def parts(x: Array) -> Iterator[Array]:
    """`x` in pushes of `_SIZES`."""
    start, time = 0, x.ndim - 2
    for size in _SIZES:
        yield x[(slice(None),) * time + (slice(start, start + size),)]
        start += size


def every(found: list[Any]) -> list[Array]:
    """The outputs of several pushes and of the finish, joined along time."""
    dicts = [one if isinstance(one, dict) else {"": one} for one in found]
    return [
        np.concatenate([d[name] for d in dicts], axis=d0.ndim - 2) for name, d0 in dicts[0].items() if name != "h_n"
    ]


@pytest.mark.parametrize("batch", [1, 3])
def test_changing_sizes_give_what_the_whole_gives(model: Model, batch: int) -> None:
    """Within rounding; summaries and states stand where one push leaves them."""
    x = frames(model, sum(_SIZES), batch)
    stream, whole = model.stream(batch=batch), model.stream(batch=batch)
    found = [stream.push(part) for part in parts(x)]
    expected = whole.push(x)
    for name, state in whole.states.items():
        np.testing.assert_allclose(stream.states[name], state, rtol=0, atol=1e-5)
    assert stream.frames == whole.frames == sum(_SIZES)
    for one, other in zip(every([*found, stream.finish()]), every([expected, whole.finish()]), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_a_size_that_was_seen_takes_the_short_way(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pushes that are one call, and those that only wait."""
    x = frames(model, sum(_SIZES), 1)
    stream = model.stream()
    for part in parts(x):
        stream.push(part)
    stream.push(x[: 2 * model.contract.unit - sum(_SIZES) % model.contract.unit])
    real, long = Sequence._push_any, []

    def noted(self: Sequence, given: Any) -> Any:
        long.append(len(given))
        return real(self, given)

    monkeypatch.setattr(Sequence, "_push_any", noted)
    for part in parts(x):
        stream.push(part)
    several = [size for size in _SIZES if size > 1] if model.contract.chunk and model.provider == "cpu" else []
    assert set(long) <= set(several)


def test_a_known_push_still_refuses_what_is_not_finite(model: Model) -> None:
    """By frame and feature, in a frame that runs and in one that waits, with nothing run."""
    x = frames(model, 200, 1)
    stream = model.stream()
    for size in (3, 2, 3, 2, 3, 2):
        stream.push(x[:size])
    for size in (2, 3):
        bad = x[:size].copy()
        bad[-1, 1] = np.nan
        before = stream.snapshot()
        with pytest.raises(InputError, match=rf"frame {stream.frames + size - 1}, feature 1: expected a finite"):
            stream.push(bad)
        assert stream.snapshot() == before


def test_policies_hold_for_known_pushes(model: Model) -> None:
    """A NaN takes the value of the last finite frame, also of one that a known push brought."""
    x = frames(model, 60, 1)
    held, plain = model.stream(non_finite="hold"), model.stream()

    def push(stream: Stream, *, spoil: bool) -> list[Any]:
        found = []
        for k, size in enumerate((2, 3, 2, 3, 2, 3, 2, 3)):
            part = x[7 * k : 7 * k + size].copy()
            if k > 3:
                part[0] = np.nan if spoil else x[7 * (k - 1) + 4 - size]
            found.append(stream.push(part))
        return found

    for one, other in zip(push(held, spoil=True), push(plain, spoil=False), strict=True):
        np.testing.assert_equal(one, other)


@pytest.mark.parametrize("batch", [1, 2])
def test_pushes_of_known_sizes_leave_no_memory_behind(model: Model, batch: int) -> None:
    """Nothing is kept of them but what the first pushes of each size have made."""
    x = frames(model, sum(_SIZES), batch)
    stream = model.stream(batch=batch)
    pushes = list(parts(x))
    for part in pushes * 3:
        stream.push(part)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for part in pushes * 3:
            stream.push(part)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # What waits is shown by a small object, and numbers of Python.
    assert kept < 4000


def test_frames_that_wait_are_the_streams_own(model: Model) -> None:
    """Of pushes of a known size: what the caller does to his array afterwards, and a copy that goes on, change none."""
    x = frames(model, 60, 1)
    stream, plain = model.stream(), model.stream()
    buffer = np.empty_like(x[:3])
    for k in range(0, 60, 3):
        buffer[...] = x[k : k + 3]
        found = stream.push(buffer)
        buffer[...] = 7
        other = stream.copy()
        other.push(x[:3] + 1)
        other.push(x[:1] + 1)
        expected = plain.push(x[k : k + 3])
        for one, whole in zip(every([found]), every([expected]), strict=True):
            np.testing.assert_array_equal(one, whole)


def test_a_refused_push_leaves_what_waits(model: Model) -> None:
    """A NaN among frames that would wait, or run with those that do, is as if it was never pushed."""
    x = frames(model, 90, 1)
    stream, plain = model.stream(), model.stream()
    for k, size in enumerate((3, 1, 3, 2, 3, 1, 3, 3, 2, 1, 3, 3) * 2):
        part = x[k : k + size]
        for at in range(size):
            bad = part.copy()
            bad[at, 1] = np.nan
            with pytest.raises(InputError, match=f"frame {stream.frames + at}, feature 1"):
                stream.push(bad)
        found, expected = stream.push(part), plain.push(part)
        for one, whole in zip(every([found]), every([expected]), strict=True):
            np.testing.assert_array_equal(one, whole)
