"""Threads and tasks share a pool: everybody gets what a stream of their own gives, and every request is counted."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from exported import Exported

from rnnedge_runtime import Dropped, InputError, OwnerError, Stream
from rnnedge_runtime.pool import Member, StreamPool
from rnnedge_runtime.pool._batcher import Batcher
from rnnedge_runtime.sample import sample_frames

TIMEOUT = 30
NEVER = 3600.0


def frames_of(native: Exported, count: int, seed: int) -> Any:
    """(count, features)."""
    return sample_frames(native.model.contract, count, seed)


class Gate:
    """Holds the batcher's thread in a callback, so that a test decides what queues up behind it."""

    def __init__(self, batcher: Batcher, native: Exported) -> None:
        self._entered, self._open = threading.Event(), threading.Event()
        self._member = batcher.join("gate", non_finite="zero", on_event=self._wait)
        self._batcher = batcher
        self._bad = np.full_like(frames_of(native, 1, 0), np.nan)
        self.close()

    def _wait(self, event: object) -> None:
        self._entered.set()
        assert self._open.wait(TIMEOUT)

    def close(self) -> None:
        """Until `open`."""
        self._entered.clear()
        self._open.clear()
        self._future = self._batcher.submit(self._member, self._bad)
        assert self._entered.wait(TIMEOUT)

    def open(self) -> None:
        """Let the thread go on."""
        self._open.set()
        self._future.result(TIMEOUT)


@pytest.fixture
def pool(native: Exported) -> StreamPool:
    """Room for sixteen."""
    return native.model.pool(16)


@pytest.fixture
def rounds(pool: StreamPool, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many members each push of the pool had."""
    sizes: list[int] = []
    push = pool.push
    monkeypatch.setattr(pool, "push", lambda frames: sizes.append(len(frames)) or push(frames))
    return sizes  # type: ignore[return-value]


def equal(found: Any, expected: Any) -> bool:
    """Within the pool's promise."""
    return found.shape == expected.shape and bool(np.abs(found - expected).max(initial=0.0) <= 1e-6)


def test_threads_get_what_streams_give(tagger: Exported) -> None:
    """Every form; twelve threads that push whatever they like, then end."""
    pool = tagger.model.pool(12)

    def live(batcher: Batcher, seed: int) -> None:
        rng = np.random.default_rng(seed)
        member, twin = batcher.join(), tagger.model.stream()
        for _ in range(25):
            frames = frames_of(tagger, int(rng.integers(0, 5)), int(rng.integers(1 << 30)))
            assert equal(batcher.push(member, frames), twin.push(frames))
        assert equal(batcher.finish(member).result(TIMEOUT), twin.finish())
        batcher.leave(member).result(TIMEOUT)

    with pool.batcher(0.002) as batcher, ThreadPoolExecutor(12) as threads:
        for future in [threads.submit(live, batcher, seed) for seed in range(12)]:
            future.result(TIMEOUT)
        assert batcher.counters == Counter(submitted=12 * 27, completed=12 * 27)
    assert not pool.members


def test_tasks_get_what_streams_give(native: Exported, pool: StreamPool) -> None:
    """Also with a queue that is full most of the time."""

    async def live(batcher: Batcher, seed: int) -> None:
        member, twin = batcher.join(), native.model.stream()
        parts = [frames_of(native, 1 + seed % 3, 100 * seed + k) for k in range(20)]
        found = await asyncio.gather(*(batcher.apush(member, part) for part in parts))
        assert all(equal(a, twin.push(part)) for a, part in zip(found, parts, strict=True))

    async def everybody(batcher: Batcher) -> None:
        await asyncio.gather(*(live(batcher, seed) for seed in range(8)))

    with pool.batcher(0.002, queue=30) as batcher:
        asyncio.run(everybody(batcher))
        assert batcher.counters == Counter(submitted=160, completed=160)


def test_a_task_waits_for_room(native: Exported, pool: StreamPool) -> None:
    """And other tasks run meanwhile."""

    async def main(batcher: Batcher, member: Member, gate: Gate) -> None:
        tasks = [asyncio.create_task(batcher.apush(member, frames_of(native, 1, k))) for k in range(5)]
        # One runs, and two wait.
        while batcher.counters["submitted"] < 1 + 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        assert batcher.counters["submitted"] == 1 + 2
        gate.open()
        twin = native.model.stream()
        # Tasks that wait for room get in as they wake, in the order in which they asked.
        for k, task in enumerate(tasks):
            assert equal(await task, twin.push(frames_of(native, 1, k)))

    with pool.batcher(0.0, queue=2) as batcher:
        asyncio.run(main(batcher, batcher.join(), Gate(batcher, native)))


def test_a_round_waits_for_all(native: Exported, pool: StreamPool, rounds: list[int]) -> None:
    """Once everybody has something, nobody waits on."""
    with pool.batcher(NEVER) as batcher:
        members = [batcher.join() for _ in range(16)]
        for k in range(3):
            futures = [batcher.submit(member, frames_of(native, 1, k)) for member in members]
            assert all(future.result(TIMEOUT).shape == (1, 3) for future in futures)
    assert rounds == [16, 16, 16]


def test_a_silent_member_holds_nobody_up_for_long(native: Exported, pool: StreamPool, rounds: list[int]) -> None:
    """By the wait of the batcher, or by a deadline of the frames."""
    with pool.batcher(0.05) as batcher:
        members = [batcher.join() for _ in range(3)]
        futures = [batcher.submit(member, frames_of(native, 1, 0)) for member in members[:2]]
        for future in futures:
            future.result(TIMEOUT)
    with pool.batcher(NEVER) as batcher:
        assert batcher.push(members[0], frames_of(native, 1, 1), deadline_s=0.01).shape == (1, 3)
        assert batcher.counters["late"] in (0, 1)
        patient = batcher.submit(members[1], frames_of(native, 1, 1))
        assert batcher.push(members[0], frames_of(native, 1, 1), deadline_s=0.0).shape == (1, 3)
        assert patient.done() and batcher.counters["late"] >= 1
    assert rounds == [2, 1, 2]


def test_a_deadline_hurries_what_waits_in_front_of_it(native: Exported, pool: StreamPool) -> None:
    """Of the same member, in order; so does what is no push. What has no deadline would wait for ever."""
    with pool.batcher(NEVER) as batcher:
        member, silent = batcher.join(), batcher.join()
        twin = native.model.stream()
        parts = [frames_of(native, 1, k) for k in range(3)]
        futures = [batcher.submit(member, part) for part in parts[:2]]
        futures.append(batcher.submit(member, parts[2], deadline_s=0.01))
        for future, part in zip(futures, parts, strict=True):
            assert equal(future.result(TIMEOUT), twin.push(part))
        assert batcher.counters["late"] <= 1 and silent.counters == {}
        last = batcher.submit(member, parts[0])
        batcher.reset(member).result(TIMEOUT)
        assert equal(last.result(TIMEOUT), twin.push(parts[0]))


@pytest.mark.parametrize("gap", ["hold", "zero", "reset"])
@pytest.mark.parametrize("full", ["drop-oldest", "drop-newest"])
def test_what_is_dropped_becomes_a_gap(full: Any, gap: Any, native: Exported, pool: StreamPool) -> None:
    """In its place; its sender is told, and every request and frame is counted."""
    with pool.batcher(0.0, queue=2, full=full) as batcher:
        member, twin = batcher.join("door", gap=gap), native.model.stream(gap=gap)
        assert equal(batcher.push(member, frames_of(native, 2, 9)), twin.push(frames_of(native, 2, 9)))
        gate = Gate(batcher, native)
        parts = [frames_of(native, 1 + k, k) for k in range(5)]
        futures = [batcher.submit(member, part) for part in parts]
        gate.open()
        lost = (0, 1, 2) if full == "drop-oldest" else (2, 3, 4)
        for k in lost:
            with pytest.raises(Dropped, match=rf"^door: {1 + k} frames dropped, because 2 pushes wait already"):
                futures[k].result(TIMEOUT)
        if full == "drop-oldest":
            expected = [np.concatenate([twin.gap(6), twin.push(parts[3])]), twin.push(parts[4])]
        else:
            expected = [twin.push(parts[0]), twin.push(parts[1]), np.concatenate([twin.gap(12), twin.push(parts[0])])]
            futures.append(batcher.submit(member, parts[0]))
        found = [future.result(TIMEOUT) for k, future in enumerate(futures) if k not in lost]
        assert all(equal(a, b) for a, b in zip(found, expected, strict=True))
        completed = len(expected) + 2
        assert batcher.counters == Counter(submitted=completed + 3, completed=completed, dropped=3)
        assert member.counters == twin.counters


def test_a_full_queue_blocks_its_sender(native: Exported, pool: StreamPool) -> None:
    """Until there is room; nothing is lost."""
    with pool.batcher(0.0, queue=1) as batcher:
        member, twin = batcher.join(), native.model.stream()
        gate = Gate(batcher, native)
        futures: list[Future[Any]] = [batcher.submit(member, frames_of(native, 1, 0))]
        sender = threading.Thread(target=lambda: futures.append(batcher.submit(member, frames_of(native, 1, 1))))
        sender.start()
        sender.join(0.05)
        assert sender.is_alive() and batcher.counters["submitted"] == 2
        gate.open()
        sender.join(TIMEOUT)
        for k in range(2):
            assert equal(futures[k].result(TIMEOUT), twin.push(frames_of(native, 1, k)))


def test_frames_that_were_taken_back_are_a_gap(native: Exported, pool: StreamPool) -> None:
    """A future that is cancelled before its round, also one of a task."""
    with pool.batcher(0.0) as batcher:
        member, twin = batcher.join(gap="zero"), native.model.stream(gap="zero")
        gate = Gate(batcher, native)
        first, second = (batcher.submit(member, frames_of(native, 2, k)) for k in range(2))
        assert first.cancel()
        gate.open()
        assert equal(second.result(TIMEOUT), np.concatenate([twin.gap(2), twin.push(frames_of(native, 2, 1))]))
        with pytest.raises(CancelledError):
            first.result(TIMEOUT)
        assert batcher.counters == Counter(submitted=3, completed=2, dropped=1)


def test_nobody_fails_for_another(native: Exported, pool: StreamPool) -> None:
    """A NaN, a sequence that is over, a member that has left: the others run, and together."""
    with pool.batcher(NEVER) as batcher:
        members = [batcher.join(f"m{k}") for k in range(8)]
        twins = [native.model.stream() for _ in members]

        def everybody(make: Callable[[int], Any]) -> list[Future[Any]]:
            return [batcher.submit(member, make(k)) for k, member in enumerate(members)]

        for k, future in enumerate(everybody(lambda k: frames_of(native, 2, k))):
            assert equal(future.result(TIMEOUT), twins[k].push(frames_of(native, 2, k)))
        batcher.finish(members[3])
        bad = frames_of(native, 2, 5)
        bad[1, 2] = np.inf
        found = everybody(lambda k: bad if k == 5 else frames_of(native, 2, 10 + k))
        # The finish was a round of its own; a second one of everybody follows it.
        extra = batcher.submit(members[3], frames_of(native, 2, 0), deadline_s=0.0)
        for k, future in enumerate(found):
            if k == 3:
                assert isinstance(future.exception(TIMEOUT), InputError)
            elif k == 5:
                with pytest.raises(InputError, match=r"^m5: input 'x': frame 3, feature 2: .* found inf"):
                    future.result(TIMEOUT)
            else:
                assert equal(future.result(TIMEOUT), twins[k].push(frames_of(native, 2, 10 + k)))
        assert "is finished" in str(extra.exception(TIMEOUT))
        assert batcher.counters == Counter(submitted=18, completed=15, failed=3, late=1)
        assert members[5].counters == {"rejected": 1}


def test_a_gap_survives_the_failure_behind_it(native: Exported, pool: StreamPool) -> None:
    """What it gave comes with the next results."""
    with pool.batcher(0.0, queue=1, full="drop-oldest") as batcher:
        member, twin = batcher.join(gap="hold"), native.model.stream(gap="hold")
        gate = Gate(batcher, native)
        batcher.submit(member, frames_of(native, 3, 0))
        bad = batcher.submit(member, np.full_like(frames_of(native, 1, 0), np.nan))
        gate.open()
        assert isinstance(bad.exception(TIMEOUT), InputError)
        expected = np.concatenate([twin.gap(3), twin.push(frames_of(native, 1, 1))])
        assert equal(batcher.push(member, frames_of(native, 1, 1)), expected)


def test_a_member_is_copied_in_the_right_moment(native: Exported, pool: StreamPool) -> None:
    """Behind what it has queued; frames that were dropped before come later, in the copy never."""
    with pool.batcher(0.0, queue=1, full="drop-newest") as batcher:
        member, twin = batcher.join(gap="zero"), native.model.stream(gap="zero")
        other = batcher.join()
        gate = Gate(batcher, native)
        batcher.submit(member, frames_of(native, 2, 0))
        batcher.submit(member, frames_of(native, 3, 1))
        kept = batcher.snapshot(member)
        gate.open()
        twin.push(frames_of(native, 2, 0))
        batcher.restore(other, kept.result(TIMEOUT)).result(TIMEOUT)
        copy: Stream = twin.copy()
        for one, its in ((other, copy), (member, twin)):
            before = [twin.gap(3)] if one is member else []
            expected = np.concatenate([*before, its.push(frames_of(native, 1, 5))])
            assert equal(batcher.push(one, frames_of(native, 1, 5)), expected)
        batcher.gap(member, 1).result(TIMEOUT)
        batcher.reset(member).result(TIMEOUT)
        twin.reset()
        assert equal(batcher.push(member, frames_of(native, 1, 6)), twin.push(frames_of(native, 1, 6)))


def test_close_runs_what_is_queued(native: Exported, pool: StreamPool) -> None:
    """Then the batcher is refused, and the pool is free."""
    with pool.batcher(NEVER) as batcher:
        members = [batcher.join() for _ in range(2)]
        futures = [batcher.submit(members[0], frames_of(native, 1, k)) for k in range(3)]
    assert all(future.done() for future in futures)
    with pytest.raises(InputError, match=r"^batcher: it is closed"):
        batcher.submit(members[0], frames_of(native, 1, 0))
    batcher.close()
    assert pool.push({members[0]: frames_of(native, 1, 0)})[members[0]].shape == (1, 3)


def test_a_callback_must_not_wait(native: Exported, pool: StreamPool) -> None:
    """For the thread that it runs in; to submit is allowed."""
    errors: list[BaseException] = []
    with pool.batcher(0.0) as batcher:
        member = batcher.join()

        def again(future: Future[Any]) -> None:
            batcher.submit(member, frames_of(native, 1, 1)).add_done_callback(lambda _: done.set())
            for call in (lambda: batcher.push(member, frames_of(native, 1, 2)), batcher.close, batcher.join):
                try:
                    call()
                except OwnerError as error:
                    errors.append(error)

        done = threading.Event()
        batcher.submit(member, frames_of(native, 1, 0)).add_done_callback(again)
        assert done.wait(TIMEOUT)
        assert batcher.counters == Counter(submitted=2, completed=2)
    assert len(errors) == 3 and "a callback waits for the thread that it runs in" in str(errors[0])


def test_bad_frames_are_the_sender_s(native: Exported, pool: StreamPool) -> None:
    """They are refused before they wait; so are bad settings."""
    with pool.batcher() as batcher:
        member: Member = batcher.join("hall")
        with pytest.raises(InputError, match=r"^hall: input 'x': expected shape"):
            batcher.submit(member, np.zeros((2, 2), np.float32))
        with pytest.raises(InputError, match=r"deadline_s: expected a finite number from 0 to .*, found nan"):
            batcher.submit(member, frames_of(native, 1, 0), deadline_s=float("nan"))
        assert not batcher.counters
    with pytest.raises(InputError, match=r"max_wait_s: expected a finite number from 0 to .*, found inf"):
        pool.batcher(float("inf"))
