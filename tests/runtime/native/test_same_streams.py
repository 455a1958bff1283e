"""Whatever a stream is asked for, both engines answer the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from both_engines import ENGINES, Pair, frames_of, part, tried
from in_one_test import in_one_test

from rnnedge_runtime import Event, Model, StateMonitor, Stream


def state_of(stream: Stream) -> list[object]:
    """All that a stream says of itself."""
    return [stream.states, stream.frames, dict(stream.counters)]


@in_one_test("batch", [1, 2, 5])
def test_pushes_and_their_ends(pair: Pair, batch: int) -> None:
    """Of no frames, of some, of wrong ones, after the end and after a reset."""

    def scenario(model: Model) -> Iterator[object]:
        stream, x = model.stream(batch), frames_of(model, 40, 1, batch)
        for cuts in ([0, 0, 1, 2, 5, 11, 12, 30, 40], [0, 3, 40]):
            yield tried(stream.finish)
            for start, stop in pairwise(cuts):
                yield stream.push(part(x, start, stop))
                yield state_of(stream)
            yield tried(lambda: stream.push({**x, "x": x["x"][..., :1]}))
            yield tried(lambda: stream.push({**x, "x": x["x"].astype(np.float64)}))
            yield tried(lambda: stream.push({**x, "x": x["x"][..., :-1, :]}))
            yield tried(lambda: stream.push({"x": x["x"]}))
            yield stream.finish()
            yield tried(stream.finish)
            yield tried(lambda: stream.push(x))
            yield tried(stream.step)
            stream.reset()
            yield state_of(stream)

    pair.check(scenario)


@in_one_test("batch", [1, 2, 3])
def test_steps_between_pushes(pair: Pair, batch: int) -> None:
    """How many frames a step gives, and what is refused while frames wait."""

    def scenario(model: Model) -> Iterator[object]:
        stream, x, unit = model.stream(batch), frames_of(model, 60, 2, batch), model.contract.unit
        for start in range(0, 48, unit):
            for name, view in stream.inputs.items():
                view[...] = x[name][..., start : start + unit, :]
            yield stream.step()
            yield {name: view.copy() for name, view in stream.outputs.items()}
            if start == 24:
                yield stream.push(part(x, 48, 48 + 3 * unit - 1))
                yield tried(stream.step)
                yield stream.push(part(x, 48, 49))
        yield stream.finish()
        yield state_of(stream)

    pair.check(scenario)


def test_states_that_the_caller_gives(pair: Pair) -> None:
    """Of one sequence or of all, and again after a reset; wrong ones are refused."""

    def scenario(model: Model) -> Iterator[object]:
        state = next(s for s in model.contract.states if s.input.startswith(("rnn", "gru")))
        for batch, given in ((1, 1), (3, 1), (3, 3)):
            values = np.random.default_rng(0).standard_normal((1, given, 6)).astype(np.float32)
            stream = model.stream(batch, states={state.input: values})
            yield state_of(stream)
            yield stream.push(frames_of(model, 12, 3, batch))
            stream.reset()
            yield state_of(stream)
            yield stream.push(frames_of(model, 12, 3, batch))
        yield tried(lambda: model.stream(states={"h": np.zeros(3, np.float32)}))
        yield tried(lambda: model.stream(states={state.input: np.zeros((1, 1, 5), np.float32)}))

    pair.check(scenario)


@in_one_test("batch", [1, 3])
@in_one_test("policy", ["reject", "hold", "zero", "reset"])
def test_numbers_that_are_not_finite(pair: Pair, policy: str, batch: int) -> None:
    """In one input of one sequence, in a push of several runs and in a step; events, counters and words too."""

    def scenario(model: Model) -> Iterator[object]:
        told: list[Event] = []
        stream = model.stream(batch, non_finite=policy, on_event=told.append)  # type: ignore[arg-type]
        names = [port.name for port in model.contract.inputs]
        for seed, bad in enumerate((np.nan, np.inf, -np.inf)):
            x = frames_of(model, 20, seed, batch)
            for frame in (0, 7, 8, 19):
                x[names[frame % len(names)]].reshape(batch, 20, -1)[frame % batch, frame, 1] = bad
            yield tried(lambda x=x: stream.push(x))
            for name, view in stream.inputs.items():
                view[...] = part(x, 7, 7 + model.contract.unit)[name]
            yield tried(stream.step)
            yield tried(lambda x=x: stream.push(part(x, 1, 7)))
            yield [*state_of(stream), told[:]]
        yield tried(stream.finish)

    pair.check(scenario)


@in_one_test("policy", ["hold", "zero", "reset"])
@in_one_test("batch", [1, 2])
def test_gaps(pair: Pair, policy: str, batch: int) -> None:
    """Before the first frame, in the middle, longer than a run, after the end."""

    def scenario(model: Model) -> Iterator[object]:
        x = frames_of(model, 40, 4, batch)
        for frames in (1, 5, model.contract.piece + 3):
            told: list[Event] = []
            stream = model.stream(batch, gap=policy, on_event=told.append)  # type: ignore[arg-type]
            yield tried(lambda s=stream: s.gap(2))
            yield stream.push(part(x, 0, 11))
            yield stream.gap(frames)
            yield stream.push(part(x, 11, 40))
            yield tried(lambda s=stream: s.gap(0))
            yield stream.finish()
            yield tried(lambda s=stream: s.gap(1))
            yield [*state_of(stream), told]

    pair.check(scenario)


@pytest.mark.parametrize("batch", [1, 3])
def test_snapshots_copies_and_files(pair: Pair, batch: int, tmp_path: Path) -> None:
    """What is kept at any frame goes on in a copy, in a stream on either engine, and from a file."""
    x = frames_of(pair.cpu, 32, 5, batch)

    def scenario(model: Model) -> Iterator[object]:
        for cut in (0, 1, 7, 8, 32):
            stream, path = model.stream(batch, non_finite="hold"), tmp_path / f"{model.provider}-{cut}"
            yield stream.push(part(x, 0, cut))
            stream.save(path)
            stream.save(path)
            copy = stream.copy()
            yield stream.push(frames_of(model, 9, 6, batch))
            for other in (copy, *(one.stream(batch, non_finite="hold") for one in (pair.cpu, pair.native))):
                if other is not copy:
                    other.push(frames_of(model, 5, 7, batch))
                    other.load(path)
                yield state_of(other)
                yield other.push(part(x, cut, 32))
                yield other.finish()
            path.write_bytes(path.read_bytes()[:-1])
            path.with_name(path.name + ".previous").unlink()
            yield str(tried(lambda s=stream, p=path: s.load(p))).replace(str(path), "")
            yield tried(lambda s=stream: model.stream(batch + 1).restore(s.snapshot()))
            yield stream.finish()

    pair.check(scenario)


def test_a_monitor_sees_the_same(crossing: Pair) -> None:
    """Norms, saturation, and the alarm for a sum that grows without bound."""

    def scenario(model: Model) -> Iterator[object]:
        stream = model.stream()
        monitor = StateMonitor(stream, 4, saturation=0.2)
        for seed in range(200):
            stream.push(frames_of(model, 4, seed))
            monitor.look()
        for name, looks in monitor.history.items():
            yield [look.frame for look in looks]
            yield np.array([look.rms for look in looks])
            yield np.array([look.saturated for look in looks])
            yield name in monitor.alarms
        yield {name: alarm.frame for name, alarm in monitor.alarms.items()}
        assert list(monitor.alarms) == ["cumsum.total"]

    crossing.check(scenario)


@pytest.mark.parametrize("provider", ENGINES)
def test_states_are_copies(plain: Pair, provider: str) -> None:
    """Nobody changes a stream through them."""
    stream = getattr(plain, provider).stream()
    stream.push(np.ones((3, 5), np.float32))
    kept = stream.snapshot()
    for state in stream.states.values():
        state[...] = 7
    assert stream.snapshot() == kept
