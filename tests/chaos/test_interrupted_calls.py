"""An exception at any place of a call, as from the handler of a signal: the call has not happened, and can be repeated.

The short version takes a dozen bytecodes of each call, the long one of `make chaos` a thousand.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
from exported import export_network
from in_one_test import in_one_test
from interrupted import Trial, pool_trials, stream_trials
from interruption import TIMER, Interrupted, Place, interrupted_at, rung_after
from matrix import FULL
from native_library import compile_library
from windows import WINDOWS

from rnnedge_runtime import InputError, Model, Stream, StreamPool, load
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.engines.native import _engine
from rnnedge_runtime.pool import Member
from rnnedge_runtime.stream_runner import StreamRunner

# How many bytecodes of every call, and how often a timer rings.
_PLACES, _MOMENTS = (1000, 1000) if FULL else (8, 20)
# One with one output, and one with summaries; the short version takes each engine once.
_THREADS = "native on two threads"
_FILES: list[Any] = [("gru-2", "cpu"), ("both", "native"), pytest.param(("gru-2", _THREADS), marks=pytest.mark.long)]
if FULL:
    _FILES = [*product(("gru-2", "both"), ("cpu", "native", _THREADS))]
pytestmark = pytest.mark.timeout(7200 if FULL else 300)
_KINDS = (ValueError, IndexError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration)


@pytest.fixture(scope="module", params=_FILES, ids="-".join)
def placed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file with its library beside it, and an engine."""
    name, provider = request.param
    exported = export_network(name, "native", tmp_path_factory.mktemp("interrupted"))
    path = exported.path.rename(exported.path.with_name("net.onnx"))
    compile_library(path.read_bytes(), path.parent, block=2)
    return path, provider


@pytest.fixture
def path(placed: tuple[Path, str]) -> Path:
    """The file."""
    return placed[0]


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a call of two frames, with its library beside it."""
    path = tmp_path_factory.mktemp("waiting") / "net.onnx"
    quickly.export(*WINDOWS["stride"](), path)
    compile_library(path.read_bytes(), path.parent, block=2)
    return path


@pytest.fixture
def model(placed: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Model:
    """The file on its engine."""
    monkeypatch.setattr(_engine, "_SHARED_S", 0.0)
    return load(placed[0], provider=placed[1].split()[0], threads=2 if "threads" in placed[1] else 1)


def check(trials: dict[str, Trial[Any]], places: int = _PLACES) -> None:
    """Every call, at so many places that lie evenly in it."""
    for name, trial in trials.items():
        # Odd, so that not always the same bytecode of a loop is met.
        stride = max(1, trial.places() // places | 1)
        try:
            assert trial.check_places(stride) >= 3, "nothing was interrupted"
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_a_call_of_a_stream_that_is_interrupted_has_not_happened(model: Model) -> None:
    """Push, step, finish, gap, reset, restore, copy: standing, result and all that follows are as undisturbed."""
    check(stream_trials(model))


@pytest.mark.parametrize("provider", ["cpu", "native"])
def test_a_push_where_frames_wait_that_is_interrupted_has_not_happened(provider: str, waiting: Path) -> None:
    """Of a network that takes two frames in a call: pushes of sizes that were seen before."""
    trials = stream_trials(load(waiting, provider=provider))
    check({name: trial for name, trial in trials.items() if "known" in name})


def test_a_call_of_a_pool_that_is_interrupted_has_not_happened(model: Model) -> None:
    """Rounds, joins, leaves, and what a member does by itself; for its neighbours too."""
    check(pool_trials(model), _PLACES // 2)


@TIMER
def test_a_timer_that_rings_leaves_a_push_that_has_not_happened(model: Model) -> None:
    """At random moments of pushes of one and of many frames, of a step and of a round."""
    rng = random.Random(0)
    trials = [stream_trials(model)[name] for name in ("push", "long push", "step")] + [pool_trials(model)["round"]]
    rang = sum(trial.check_moments([rng.uniform(1e-6, 1e-4) for _ in range(_MOMENTS)]) for trial in trials)
    assert rang


@TIMER
def test_a_timer_that_rings_again_and_again_loses_nothing(model: Model) -> None:
    """The next signal comes while the first one is dealt with: every push is tried until it is heard to the end."""
    rng = random.Random(1)
    x = np.random.default_rng(0).standard_normal((10 * _MOMENTS, 5)).astype(np.float32)
    stream, found, rang = model.stream(), [], 0
    for frame in x:
        kept: list[Any] = []

        def push(frame: Any = frame, kept: list[Any] = kept) -> None:
            kept[:] = [stream.push(frame[None])]

        while rung_after(rng.uniform(1e-6, 6e-5), push, rng.choice([4e-5, 8e-5, 1.5e-4])):
            rang += 1
        found += kept
    expected = model.stream()
    np.testing.assert_equal(found, [expected.push(frame[None]) for frame in x])
    assert rang and stream.frames == len(x)


def test_the_check_fails_where_nothing_is_put_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the undo the same interruptions are seen."""
    model = load(path)
    monkeypatch.setattr(StreamRunner, "_put_back", lambda self, note: None)
    with pytest.raises(AssertionError, match=r"push that resets.*it moved"):
        check({"push that resets": stream_trials(model)["push that resets"]}, 20)
    monkeypatch.setattr(StreamPool, "_put_back", lambda self, note: None)
    with pytest.raises(AssertionError, match=r"long round.*it moved"):
        check({"long round": pool_trials(model)["long round"]}, 20)


def test_a_second_exception_while_the_first_is_dealt_with_loses_nothing(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next call undoes what was left, and nobody is told that somebody else is inside."""
    real = StreamRunner._put_back

    def interrupted(self: StreamRunner, note: Any) -> None:
        monkeypatch.setattr(StreamRunner, "_put_back", real)
        raise Interrupted("the second")

    trial = stream_trials(model)["long push"]
    subject, undisturbed = trial.prepare(), trial.prepare()
    for number in (0, trial.places() // 2, trial.places() - 1):
        monkeypatch.setattr(StreamRunner, "_put_back", interrupted)
        assert interrupted_at(Place(number), lambda: trial.act(subject)) is not None
        assert subject.snapshot() == undisturbed.snapshot()
    np.testing.assert_equal(trial.act(subject), trial.act(undisturbed))


@in_one_test("kind", _KINDS)
def test_whatever_a_callback_raises_the_call_has_not_happened(model: Model, kind: type[BaseException]) -> None:
    """Of a stream, and of a member of a pool, whose neighbours stand where they were; each comes as it is."""

    def loud(event: object) -> None:
        raise kind("a user's own")

    told = InputError if kind is MemoryError else kind

    x = np.zeros((3, 5), np.float32)
    bad = np.full_like(x, np.nan)
    for policy in ("zero", "hold", "reset"):
        stream, expected = model.stream(non_finite=policy, on_event=loud), model.stream()
        stream.push(x)
        expected.push(x)
        with pytest.raises(told, match="a user's own"):
            stream.push(np.concatenate([x, bad, x]))
        assert stream.frames == 3 and stream.states.keys() == expected.states.keys()
        np.testing.assert_equal(stream.push(x), expected.push(x))
        pool = model.pool(3)
        quiet, noisy = pool.join("quiet"), pool.join("noisy", non_finite=policy, on_event=loud)
        pool.push({quiet: x, noisy: x})
        with pytest.raises(told, match="a user's own"):
            pool.push({quiet: x, noisy: bad})
        assert (pool.frames(quiet), pool.frames(noisy)) == (3, 3)
        again = model.pool(3)
        members = [again.join(), again.join()]
        again.push(dict.fromkeys(members, x))
        found, wanted = pool.push({quiet: x, noisy: x}), again.push(dict.fromkeys(members, x))
        np.testing.assert_equal([*found.values()], [*wanted.values()])


class Failing:
    """An engine that has `left` some runs, and fails from then on; half of the outputs are written by then."""

    def __init__(self, real: Any) -> None:
        self._real, self.left = real, 2
        self.provider, self.failures = "first", (*real.failures, ArithmeticError)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def bind(self, inputs: Any, outputs: Any, stop: Any) -> Callable[[], object]:
        """The real one, with the fault in front."""
        run = self._real.bind(inputs, outputs, stop)

        def call() -> object:
            self.left -= 1
            if self.left >= 0:
                return run()
            for array in outputs.values():
                if isinstance(array, np.ndarray):
                    array.reshape(-1)[::2] = np.nan
            raise ArithmeticError("the device is gone")

        return call


def test_a_take_over_that_is_interrupted_is_made_by_the_next_call(path: Path, model: Model) -> None:
    """From whichever place of it, by either engine; the states are those of the engine that failed."""
    first = load(path).engine

    def failing(runs: int) -> tuple[Model, Failing]:
        engine = Failing(first)
        engine.left = runs
        return Model(LoadedModel(model.name, model.digest, model.contract, engine, [lambda: model.engine])), engine

    def stream_of(runs: int) -> Stream:
        own, engine = failing(1)
        stream = own.stream()
        stream.push(np.zeros((1, 5), np.float32))
        engine.left = runs
        return stream

    def pool_of(runs: int) -> tuple[StreamPool, list[Member]]:
        own, engine = failing(10**9)
        pool = own.pool(3)
        members = [pool.join() for _ in range(3)]
        for _ in range(3):
            pool.push(dict.fromkeys(members, np.ones((1, 5), np.float32)))
        engine.left = runs
        return pool, members

    x = np.random.default_rng(0).standard_normal((1100, 5), np.float32)
    # The whole of a call that is repeated is run by the one that took over, whose last bits may be others.
    later = [(1, 1100)] if model.provider == "cpu" else []
    for runs, count in ((0, 1), (0, 1100), *later):
        trial = Trial(
            lambda runs=runs: stream_of(runs),
            lambda stream, count=count: stream.push(x[:count]),
            lambda stream: (stream.snapshot(), stream.frames),
            lambda stream: (stream.push(x[:1]), stream.push(x[:7]), stream.finish(), stream.provider),
        )
        check({f"take-over in run {runs} of {count} frames": trial}, 4 * _PLACES)

    def push(party: tuple[StreamPool, list[Member]]) -> list[object]:
        return [*party[0].push(dict.fromkeys(party[1], x[:1])).values()]

    trial = Trial(
        lambda: pool_of(0),
        push,
        lambda party: [party[0].snapshot(member) for member in party[1]],
        lambda party: (push(party), push(party), [party[0].snapshot(member) for member in party[1]]),
    )
    check({"take-over in a pool": trial}, 2 * _PLACES)


def test_handlers_of_signals_are_as_before() -> None:
    """A test that rings leaves none."""
    assert signal.getsignal(signal.SIGALRM) in (signal.SIG_DFL, None)
