"""Counters of events: what a call that did not happen would have done to its frames is not counted."""

from __future__ import annotations

import numpy as np
import pytest
from exported import Exported

from rnnedge_runtime import Event, InputError, StreamPool


class Told(Exception):
    """What a callback raises."""


class _Once:
    """Raises at the first event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if len(self.events) == 1:
            raise Told


def _spoiled() -> np.ndarray:
    frames = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)
    frames[2] = np.nan
    return frames


@pytest.mark.parametrize(("policy", "kind"), [("hold", "held"), ("zero", "zeroed"), ("reset", "reset")])
def test_a_push_that_is_repeated_counts_once(native: Exported, policy: str, kind: str) -> None:
    """A stream, and a member of a pool."""
    stream = native.model.stream(non_finite=policy, on_event=_Once())
    with pytest.raises(Told):
        stream.push(_spoiled())
    assert not stream.counters
    stream.push(_spoiled())
    assert stream.counters == {kind: 1}
    pool: StreamPool = native.model.pool(2)
    member = pool.join(non_finite=policy, on_event=_Once())
    with pytest.raises(Told):
        pool.push({member: _spoiled()})
    assert not member.counters and not pool.counters
    pool.push({member: _spoiled()})
    assert member.counters == pool.counters == {kind: 1}


def test_a_member_counts_nothing_where_another_one_ends_the_push(native: Exported) -> None:
    """The first had been mended already."""
    pool = native.model.pool(2)
    first, second = pool.join(non_finite="zero"), pool.join(non_finite="hold", on_event=_Once())
    pool.gap(first, 2)
    with pytest.raises(Told):
        pool.push({first: _spoiled(), second: _spoiled()})
    assert first.counters == {"gap": 2} and not second.counters


def test_what_was_refused_is_counted_though_nothing_happened(native: Exported) -> None:
    """And what had been counted before stays."""
    stream = native.model.stream()
    stream.push(np.zeros((3, 5), np.float32))
    stream.gap(2)
    with pytest.raises(InputError):
        stream.push(_spoiled())
    assert stream.counters == {"gap": 2, "rejected": 1}
