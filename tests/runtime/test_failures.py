"""A run that hangs or fails: ended, or carried on by the next provider, and the stream loses nothing."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from exported import Exported
from hanging import hanging, patient
from in_one_test import in_one_test

from rnnedge_runtime import Event, InputError, ProviderError, Stalled, Stream
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime._watchdog import Watchdog, watchdog
from rnnedge_runtime.contract import Array
from rnnedge_runtime.engine import Buffers, CancelToken, DeviceBuffer, Engine
from rnnedge_runtime.model import Model

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

    def stop(self, undoes: bool) -> CancelToken:
        """The real one's."""
        return self._real.stop(undoes)

    def hold(self, states: Any, sets: Any, batch: int) -> Sequence[Mapping[str, Array | DeviceBuffer]]:
        """The real one's."""
        return self._real.hold(states, sets, batch)

    def bind(self, inputs: Buffers, outputs: Buffers, stop: CancelToken) -> Callable[[], object]:
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
    return Model(LoadedModel(model.name, model.digest, model.contract, Breaking(model.engine, runs), further))


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


@in_one_test("feed", [pushed, stepped, Stream.push], ids=["push", "step", "chunk"])
@in_one_test("runs", [0, 1, 7])
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


@pytest.mark.parametrize("feed", [pushed, stepped, Stream.push], ids=["push", "step", "chunk"])
def test_a_run_that_does_not_come_back_is_ended(native: Exported, feed: Callable) -> None:
    """Each time, whichever call makes it; the stream is as before, tells it, and goes on within its limit."""
    model, engine = hanging(native.model)
    expected = native.model.stream().push(X[:8])
    stream = model.stream(time_limit_s=0.02)
    first = patient(lambda: stream.push(X[:4]))
    stream.counters.clear()
    before = stream.snapshot()
    engine.hangs = True
    for _ in range(3):
        with pytest.raises(Stalled, match=r"frame 4: a run over \d+ frames took longer than 0\.02 s"):
            feed(stream, X[4:8])
        assert stream.snapshot() == before
    assert set(stream.counters) == {"stalled"} and stream.counters["stalled"] >= 3
    engine.hangs = False
    found = np.concatenate([first, *(patient(lambda t=t: stream.push(X[t : t + 1])) for t in range(4, 8))])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def refused(act: Callable[[], object]) -> None:
    """It is bad input."""
    with pytest.raises(InputError):
        act()


def test_no_two_calls_look_the_same_to_the_watchdog(native: Exported) -> None:
    """Whatever comes between them, and none changes while it lasts: a hundred short ones are not one long one."""
    marks: list[list[object]] = []
    # Of every run, and of every event.
    model, engine = hanging(native.model)
    bind = engine.bind

    def seen(*arguments: Any) -> Callable[[], object]:
        run = bind(*arguments)

        def call() -> object:
            marks[-1].append(stream.runner._mark())
            return run()

        return call

    engine.bind = seen  # type: ignore[method-assign]
    stream = model.stream(non_finite="reset", on_event=lambda event: marks[-1].append(stream.runner._mark()))
    begun = stream.snapshot()
    bad = np.full((1, 5), np.nan, np.float32)
    calls: list[Callable[[], object]] = [
        lambda: stream.push(X[:1]), lambda: stream.push(X[:3]), lambda: stream.push(X[:3]), stream.step,
        lambda: stream.push(np.tile(X, (40, 1))), lambda: stream.push(bad), lambda: stream.gap(2),
        lambda: stream.push(np.concatenate([X, bad, X])),
    ]  # fmt: skip
    between: list[Callable[[], object]] = [
        stream.reset, lambda: stream.restore(begun), stream.snapshot, lambda: stream.push(X[:0]), lambda: None,
        lambda: refused(lambda: stream.push(X[:, :2])), lambda: stream.states, stream.copy,
    ]  # fmt: skip
    for other in between:
        for call in calls:
            for _ in range(2):
                marks.append([])
                call()
                marks.append([])
                other()
                assert stream.runner._mark() is None
    of_calls = [set(of_one) for of_one in marks if of_one]
    assert all(len(of_one) == 1 and None not in of_one for of_one in of_calls)
    assert len(set().union(*of_calls)) == len(of_calls) > 100


class Clock:
    """Stands in for the watchdog's, and for a stream that it watches."""

    _limit_s = 1.0

    def __init__(self) -> None:
        self.now, self.mark, self.ended = 0.0, None, []
        self._stop, self._stopped_in = self, None
        # What happens while the watchdog has to wait for its turn.
        self.meanwhile: Callable[[], object] = lambda: None

    def _mark(self) -> object | None:
        self.meanwhile()
        return self.mark

    def set(self) -> None:
        """As a stop."""
        self.ended.append((self.now, self._stopped_in))

    def clear(self) -> None:
        """As a stop."""


def test_the_watchdog_ends_a_call_that_it_has_seen_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """And none that is another one by then, has ended, or has only waited for the watchdog itself."""
    stream: Any = Clock()
    monkeypatch.setattr("rnnedge_runtime._watchdog.monotonic", lambda: stream.now)
    dog, since = Watchdog(), weakref.WeakKeyDictionary()

    def look(now: float, mark: object) -> int:
        stream.now, stream.mark = now, mark
        dog._look(stream, since)
        return len(stream.ended)

    assert [look(k / 4, 1) for k in range(4)] == [0] * 4
    assert look(1.0, 2) == 0 and look(1.9, 2) == 0 and look(2.0, 2) == 1
    assert stream.ended == [(2.0, 2)] and dog.forget(stream) == 2 and dog.forget(stream) is None
    assert look(3.0, None) == 1 and look(4.0, 2) == 1 and look(4.9, 2) == 1

    def long_ago() -> None:
        stream.now += 5.0

    # Ten seconds later, of which it saw less than one.
    stream.meanwhile = long_ago
    assert look(4.95, 2) == 1
    stream.meanwhile = lambda: None

    def ends() -> None:
        stream.meanwhile, stream.mark = lambda: None, 2
        stream.meanwhile = lambda: setattr(stream, "mark", 3)

    stream.meanwhile = ends
    assert look(11.0, 2) == 1, "it was another call by the time it could be ended"


@pytest.mark.parametrize("feed", [pushed, stepped, Stream.push], ids=["push", "step", "chunk"])
def test_an_end_that_comes_too_late_ends_nothing(native: Exported, feed: Callable) -> None:
    """The run that was meant is over, and the next one is made again."""
    stream = native.model.stream(time_limit_s=3600.0)
    parts = []
    for k in range(10):
        stream.runner._stopped_in = ("a call", k)
        stream.runner._stop.set()
        parts.append(feed(stream, X[6 * k : 6 * k + 6]))
    np.testing.assert_allclose(np.concatenate(parts), native.model.stream().push(X), rtol=0, atol=1e-6)
    assert not stream.counters


def test_the_thread_of_the_watchdog_ends_with_the_last_stream(native: Exported) -> None:
    """And begins with the first."""
    stream = native.model.stream(time_limit_s=0.2)
    assert watchdog.running
    del stream
    end = time.monotonic() + 120
    while watchdog.running and time.monotonic() < end:
        # An error that another test caught may still hold the stream that raised it.
        gc.collect()
        time.sleep(0.05)
    assert not watchdog.running
