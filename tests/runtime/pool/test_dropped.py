"""Whoever is told that his frames were dropped may use the batcher, or wait for somebody who does."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from exported import Exported

from rnnedge_runtime import Dropped, Event
from rnnedge_runtime.pool import Member
from rnnedge_runtime.pool._batcher import Batcher

TIMEOUT = 10
ONE = np.zeros((1, 5), np.float32)


class _Busy:
    """A batcher whose thread stays in a callback as long as the block lasts."""

    def __init__(self, batcher: Batcher) -> None:
        self._entered, self._leave = threading.Event(), threading.Event()
        member = batcher.join(non_finite="zero", on_event=self._stay)
        self._round = batcher.submit(member, np.full_like(ONE, np.nan))

    def _stay(self, _: Event) -> None:
        self._entered.set()
        assert self._leave.wait(TIMEOUT)

    def __enter__(self) -> None:
        assert self._entered.wait(TIMEOUT)

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self._round.result(TIMEOUT)


@pytest.mark.parametrize("full", ["drop-oldest", "drop-newest"])
def test_another_thread_may_be_waited_for(native: Exported, full: Any) -> None:
    """It reads the counters, and queues frames."""
    found: list[Any] = []
    with ThreadPoolExecutor() as others, native.model.pool(4).batcher(0.0, queue=1, full=full) as batcher:
        member, other = batcher.join("a"), batcher.join("b")

        def told(_: Future[Any]) -> None:
            found.append(others.submit(lambda: batcher.counters["dropped"]).result(TIMEOUT))
            found.append(others.submit(batcher.submit, other, ONE).result(TIMEOUT))

        with _Busy(batcher):
            first, second = _two(batcher, member, told)
        assert found[0] == 1 and found[1].result(TIMEOUT).shape[0] == 1
        with pytest.raises(Dropped):
            (first if full == "drop-oldest" else second).result(TIMEOUT)


def _two(batcher: Batcher, member: Member, told: Any) -> tuple[Future[Any], Future[Any]]:
    """Two pushes, one of which is dropped; a callback is called by who drops it."""
    first = batcher.submit(member, ONE)
    first.add_done_callback(told)
    second = batcher.submit(member, ONE)
    second.add_done_callback(told)
    return first, second


def test_it_may_send_the_frames_again(native: Exported) -> None:
    """Which drops those that came in between."""
    with native.model.pool(4).batcher(0.0, queue=1, full="drop-oldest") as batcher:
        member = batcher.join()
        again: list[Future[Any]] = []

        def told(future: Future[Any]) -> None:
            if isinstance(future.exception(), Dropped) and len(again) < 3:
                again.append(batcher.submit(member, ONE))
                again[-1].add_done_callback(told)

        with _Busy(batcher):
            first, second = _two(batcher, member, told)
        outcomes = [future.exception(TIMEOUT) for future in (first, second, *again)]
        assert sorted(type(one).__name__ for one in outcomes) == ["Dropped"] * 4 + ["NoneType"]
        counters = batcher.counters
    assert counters["submitted"] == 6 and counters["dropped"] == 4 and counters["completed"] == 2
