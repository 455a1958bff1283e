"""A packet that a session refuses has not come: what follows has its own numbers and times, and its frames are lost."""

from __future__ import annotations

import numpy as np
import pytest

from rnnedge.live import Outputs, Packet, Session
from rnnedge_runtime import Event, InputError, Model

X = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)


class Told(Exception):
    """What a callback raises."""


def packet(first: int, count: int = 5, late_s: float = 0.0, *, spoiled: bool = False) -> Packet:
    """Frames from this number on."""
    frames = X[first : first + count].copy()
    frames[:1] = np.nan if spoiled else frames[:1]
    return Packet(frames, first, first / 100 + late_s)


def same(found: list[Outputs], expected: list[Outputs]) -> None:
    """Numbers, times and values."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.name == other.name and one.frames.tolist() == other.frames.tolist()
        assert one.times_s.tolist() == other.times_s.tolist() and np.array_equal(one.values, other.values)


def taken(session: Session, packets: list[Packet]) -> list[Outputs]:
    """All that comes of them, and of the end."""
    return [one for packet in packets for one in session.take(packet)] + session.end()


@pytest.mark.parametrize("gap", ["hold", "zero", "reset"])
def test_frames_after_a_packet_that_was_refused_keep_their_places(gru: Model, gap: str) -> None:
    """With frames lost before it and without, and where the source began again with it."""
    for refused in (packet(10, spoiled=True), packet(17, spoiled=True), packet(0, late_s=9, spoiled=True)):
        session, other = (Session(gru, gap=gap) for _ in range(2))  # type: ignore[arg-type]
        begun = [packet(0), packet(5)]
        after = [packet(22, late_s=refused.time_s), packet(27, late_s=refused.time_s)]
        found = [one for each in begun for one in session.take(each)]
        counters = dict(session.stream.counters)
        with pytest.raises(InputError, match="expected a finite number"):
            session.take(refused)
        assert session.stream.frames == 10
        assert {**counters, "rejected": 1} == dict(session.stream.counters)
        same(found + taken(session, after), taken(other, begun + after))
        assert session.sequence.lost == other.sequence.lost == 12


def test_a_packet_may_be_taken_again(gru: Model) -> None:
    """After a callback of the gap before it has raised."""
    events: list[Event] = []

    def tell(event: Event) -> None:
        events.append(event)
        if len(events) == 1:
            raise Told

    session, other = Session(gru, on_event=tell), Session(gru)
    packets = [packet(0), packet(9), packet(14)]
    found = session.take(packets[0])
    with pytest.raises(Told):
        session.take(packets[1])
    same(found + taken(session, packets[1:]), taken(other, packets))
    assert session.stream.counters == other.stream.counters == {"gap": 4}
