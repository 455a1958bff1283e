"""Frames that a full queue drops, or that were taken back, are lost in the place where they stood."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnedge_runtime import InputError
from rnnedge_runtime.pool._member import Member
from rnnedge_runtime.pool._request import Full, Request, Waiting


def request(member: Member, count: int) -> Request:
    """A push."""
    return Request(member, np.zeros((count, 1), np.float32), count, 0.0)


def nobody() -> Member:
    """A member of no pool."""
    return Member.__new__(Member)


@given(
    full=st.sampled_from(get_args(Full)),
    limit=st.integers(1, 3),
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "add", "act", "take", "cancel", "withdraw"]), st.integers(0, 3)), max_size=40
    ),
)
def test_every_frame_keeps_its_place(full: Full, limit: int, steps: list[tuple[str, int]]) -> None:
    """A push comes out behind as many frames, lost ones counted, as were sent before it."""
    waiting, member = Waiting(limit, full), nobody()
    sent, received, place = 0, 0, {}
    queued: list[Request] = []

    def take() -> None:
        nonlocal received
        found, _ = waiting.take()
        for one in found:
            received += one.lost
            assert received == place[id(one)]
            received += one.count

    for what, count in steps:
        if what == "take":
            take()
        elif what == "cancel" and queued:
            queued[count % len(queued)].future.cancel()
        elif what == "withdraw" and queued:
            # Its sender waits, so nothing came behind it.
            if not queued[-1].future.cancelled() and waiting.withdraw(queued[-1]):
                sent -= queued.pop().count
        elif what in ("add", "act"):
            one = request(member, count if what == "add" else 0)
            if what == "act":
                one.action = lambda: None
            queued.append(one)
            place[id(one)] = sent
            if waiting.add(one) == "full":
                assert full == "block"
            else:
                sent += one.count
        assert waiting.requests <= limit + sum(one.action is not None for one in queued)
    last = request(member, 0)
    last.action = lambda: None
    place[id(last)] = sent
    waiting.add(last)
    while len(waiting):
        take()
    assert received == sent


def test_each_member_has_its_own_queue() -> None:
    """One that is full drops nothing of another; a round takes one of each."""
    waiting, members = Waiting(1, "drop-oldest"), (nobody(), nobody())
    first = [request(member, 2) for member in members]
    assert [waiting.add(one) for one in first] == [None, None]
    second = request(members[0], 3)
    assert waiting.add(second) is None and waiting.dropped == [first[0]] and second.lost == 2
    assert waiting.take() == ([second, first[1]], 0) and not len(waiting)


def test_settings_are_checked() -> None:
    """Both."""
    with pytest.raises(InputError, match="queue: expected an integer, 1 or more, found 0"):
        Waiting(0, "block")
    with pytest.raises(InputError, match="full: expected one of block, drop-oldest, drop-newest, found 'wait'"):
        Waiting(1, "wait")  # type: ignore[arg-type]
