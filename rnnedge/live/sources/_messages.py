"""Packets out of messages that come one by one, each of which may be damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rnnedge.live.protocol import Packet
from rnnedge_runtime.errors import InputError

Message = TypeVar("Message")


def packets_of(
    messages: Iterable[Message], decode: Callable[[Message, int], list[Packet]], tell: Callable[[str], None]
) -> Iterator[Packet]:
    """`decode` takes a message and the number that its first frame should have.

    A message that cannot be read is told, and counts as a lost frame.
    """
    expected = 0
    for message in messages:
        try:
            packets = decode(message, expected)
        except InputError as error:
            tell(f"{error}; it counts as a lost frame")
            expected += 1
            continue
        for packet in packets:
            expected = packet.first + len(packet.frames)
            yield packet
