"""A batcher whose senders are interrupted, and whose members' callbacks raise whatever there is."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from exported import export_network
from in_one_test import in_one_test
from interruption import TIMER, HeardPlace, interrupted_at, rung_after
from matrix import FULL
from native_library import compile_library

from rnnedge_runtime import Model, RnnEdgeError, load

_TIMES = 1000 if FULL else 60
_TIMEOUT_S = 60
pytestmark = pytest.mark.timeout(3600 if FULL else 300)
_KINDS = (ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, StopAsyncIteration, MemoryError)
_BAD = np.full((1, 5), np.nan, np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger, with its library beside it."""
    exported = export_network("gru-2", "native", tmp_path_factory.mktemp("batcher"))
    path = exported.path.rename(exported.path.with_name("net.onnx"))
    compile_library(path.read_bytes(), path.parent, block=2)
    return path


@pytest.fixture(params=["cpu", "native"])
def model(request: pytest.FixtureRequest, path: Path) -> Model:
    """On either engine."""
    return load(path, provider=request.param)


def check_pushes(model: Model, interrupt: Callable[[int, Callable[[], object]], bool]) -> int:
    """Interrupt every push, then repeat it, while another thread pushes too; both get what streams of their own give.

    Returns how many were interrupted.
    """
    x = np.random.default_rng(0).standard_normal((2, _TIMES, 5)).astype(np.float32)
    streams = [model.stream() for _ in range(2)]
    found: list[list[np.ndarray]] = [[], []]
    count = 0
    with model.pool(2).batcher(max_wait_s=0.001) as batcher:
        mine, other = batcher.join("mine"), batcher.join("other")

        def work() -> None:
            found[1] += [batcher.push(other, x[1, t : t + 1]) for t in range(_TIMES)]

        thread = threading.Thread(target=work)
        thread.start()
        for t in range(_TIMES):
            kept: list[np.ndarray] = []
            interrupted = interrupt(t, lambda t=t, kept=kept: kept.append(batcher.push(mine, x[0, t : t + 1])))
            # A timer may ring behind the push, when its result is kept already.
            count += interrupted and not kept
            found[0] += kept or [batcher.push(mine, x[0, t : t + 1])]
        thread.join()
        counters = batcher.counters
    assert counters["submitted"] == counters["completed"] == 2 * _TIMES
    for k, stream in enumerate(streams):
        expected = np.concatenate([stream.push(x[k, t : t + 1]) for t in range(_TIMES)])
        np.testing.assert_allclose(np.concatenate(found[k]), expected, rtol=0, atol=1e-6)
    return count


@TIMER
def test_a_push_that_a_timer_interrupts_has_not_happened(model: Model) -> None:
    """Before its round, in it, or behind it: the frames are taken back, and nobody else's are."""
    rng = random.Random(0)
    assert check_pushes(model, lambda t, act: rung_after(rng.uniform(1e-6, 3e-3), act))


def test_a_push_that_is_interrupted_at_any_place_has_not_happened(model: Model) -> None:
    """One after the other, where the sender's own thread hears a signal."""
    assert check_pushes(model, lambda t, act: interrupted_at(HeardPlace(t % 64), act) is not None)


def answer(future: Future[object]) -> object:
    """Its result, or its error."""
    error = future.exception(_TIMEOUT_S)
    return future.result() if error is None else error


@in_one_test("kind", _KINDS)
def test_nothing_that_a_callback_raises_ends_the_thread(model: Model, kind: type[BaseException]) -> None:
    """Of an event, or of a future: the sender hears of the one, and all others go on as if there were none."""

    def loud(argument: object) -> None:
        raise kind("a user's own")

    x = np.zeros((1, 5), np.float32)
    with model.pool(4).batcher(max_wait_s=0.001) as batcher:
        quiet, noisy = batcher.join("quiet"), batcher.join("noisy", non_finite="zero", on_event=loud)
        error = answer(batcher.submit(noisy, _BAD))
        assert isinstance(error, RnnEdgeError | kind) and isinstance(error, Exception)
        assert "a user's own" in str(error)
        future = batcher.submit(quiet, x)
        future.add_done_callback(loud)
        answer(future)
        with pytest.raises((RnnEdgeError, kind), match="a user's own"):
            asyncio.run(asyncio.wait_for(batcher.apush(noisy, _BAD), _TIMEOUT_S))
        found = [answer(batcher.submit(member, x)) for member in (noisy, quiet)]
        assert all(isinstance(one, np.ndarray) for one in found)


def test_a_future_that_its_owner_has_answered_ends_nothing(model: Model) -> None:
    """Its frames count as taken back."""
    x = np.zeros((1, 5), np.float32)
    with model.pool(2).batcher(max_wait_s=3600.0) as batcher:
        first, second = batcher.join(), batcher.join()
        future = batcher.submit(first, x)
        future.set_result("mine")
        assert isinstance(answer(batcher.submit(second, x)), np.ndarray)
