"""A run that hangs or fails: ended, or carried on by the next provider, and the stream loses nothing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported import Exported, export_network

from rnnedge_runtime import Event, ProviderError, Stalled, Stream
from rnnedge_runtime.contract import Array
from rnnedge_runtime.engines import Buffers, Engine, Held, Stop
from rnnedge_runtime.loaded import Loaded
from rnnedge_runtime.model import Model
from rnnedge_runtime.watchdog import watchdog

X = np.random.default_rng(0).standard_normal((60, 5), np.float32)


class EngineBroke(Exception):
    """What the engine below raises."""


class Breaking:
    """An engine that fails in its n-th run and ever after; half of the outputs are written by then."""

    failures = (EngineBroke,)

    def __init__(self, real: Engine, runs: int) -> None:
        self._real, self.runs = real, runs
        self.provider, self.inputs, self.outputs, self.metadata = "first", real.inputs, real.outputs, real.metadata

    checks_finite = in_place = False

    def stop(self, undoes: bool) -> Stop:
        """The real one's."""
        return self._real.stop(undoes)

    def hold(self, states: Any, sets: Any, batch: int) -> Sequence[Mapping[str, Array | Held]]:
        """The real one's."""
        return self._real.hold(states, sets, batch)

    def bind(self, inputs: Buffers, outputs: Buffers, stop: Stop) -> Callable[[], object]:
        """Bind the real engine, with the fault in front."""
        run = self._real.bind(inputs, outputs, stop)

        def call() -> object:
            self.runs -= 1
            if self.runs >= 0:
                return run()
            for array in outputs.values():
                assert isinstance(array, np.ndarray)
                array.reshape(-1)[::2] = np.nan
            raise EngineBroke("the device is gone")

        return call


def breaking(exported: Exported, runs: int, *, successor: bool) -> Model:
    """The model on an engine that breaks, with or without another one behind it."""
    model = exported.model
    further = [lambda: model.engine] if successor else []
    return Model(Loaded(model.name, model.digest, model.contract, Breaking(model.engine, runs), further))


def stepped(stream: Stream, x: np.ndarray) -> np.ndarray:
    """Frame by frame through `step`."""
    parts = []
    for frame in x:
        stream.input[...] = frame
        count = stream.step()
        parts.append(stream.output[1 - count :].copy())
    return np.concatenate(parts)


def pushed(stream: Stream, x: np.ndarray) -> np.ndarray:
    """Frame by frame through `push`."""
    return np.concatenate([stream.push(frame[None]) for frame in x])


@pytest.mark.parametrize("feed", [pushed, stepped, Stream.push], ids=["push", "step", "chunk"])
@pytest.mark.parametrize("runs", [0, 1, 7])
def test_the_next_provider_takes_over_with_the_states(native: Exported, runs: int, feed: Callable) -> None:
    """No frame is lost or run twice, the change is told once, and new streams begin with the new one."""
    expected = native.model.stream().push(X)
    told: list[Event] = []
    model = breaking(native, runs, successor=True)
    stream, other = model.stream(on_event=told.append), model.stream()
    parts = [feed(stream, X[start : start + 6]) for start in range(0, 60, 6)]
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=0, atol=1e-6)
    assert [event.kind for event in told] == ["provider"]
    assert "'first' failed, 'cpu' took over" in told[0].text
    assert model.provider == stream.provider == "cpu" and other.provider == "first"
    np.testing.assert_allclose(other.push(X), expected, rtol=0, atol=1e-6)
    assert other.provider == "cpu"


@pytest.mark.parametrize("runs", [0, 1, 4])
def test_without_another_provider_the_stream_stays_as_it_was(runs: int, native: Exported) -> None:
    """Also where the failure comes in the middle of a push of several runs; it can be kept and go on elsewhere."""
    model = breaking(native, runs + 2, successor=False)
    stream = model.stream()
    first = np.concatenate([stream.push(X[0:1]), stream.push(X[1:2])])
    with pytest.raises(ProviderError, match=r"'first' failed at frame .*the device is gone"):
        stream.push(np.concatenate([np.tile(X[2:], (runs * 18, 1)), X]))
    assert stream.frames == 2
    other = native.model.stream()
    other.restore(stream.snapshot())
    found = np.concatenate([first, other.push(X[2:])])
    np.testing.assert_allclose(found, native.model.stream().push(X), rtol=0, atol=1e-6)


def test_a_run_that_does_not_come_back_is_ended(tmp_path: Path) -> None:
    """Well before it would have ended by itself; the stream is as before, and goes on within its limit."""
    exported = export_network("gru-3", "scan", tmp_path)
    long = np.tile(X, (17, 1))
    stream = exported.model.stream(time_limit_s=1e-3)
    unlimited = exported.model.stream()
    unlimited.push(long)
    expected = exported.model.stream().push(X[:8])
    first = stream.push(X[:4])
    for _ in range(3):
        with pytest.raises(Stalled, match=r"frame 4: a run over 10\d\d frames took longer than 0.001 s"):
            stream.push(long)
        assert stream.frames == 4
    found = np.concatenate([first, *(retried(stream, X[t : t + 1]) for t in range(4, 8))])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert stream.counters["stalled"] >= 3 * 1020


def retried(stream: Stream, frames: np.ndarray) -> np.ndarray:
    """On a busy machine even one frame may take longer than a millisecond."""
    while True:
        try:
            return stream.push(frames)
        except Stalled:
            continue


def test_a_slow_run_within_its_limit_is_left_alone(native: Exported) -> None:
    """The watchdog ends nothing else, and its thread ends with the last stream."""
    stream = native.model.stream(time_limit_s=0.2)
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        stream.push(X[:1])
    assert not stream.counters
    del stream
    # An error that another test caught may still hold the stream that raised it.
    gc.collect()
    deadline = time.monotonic() + 20
    while watchdog.running and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not watchdog.running
