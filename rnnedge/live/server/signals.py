"""Signals that end a server: while it runs, and while a process of it is only being started."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_ENDING = (int(signal.SIGTERM), int(signal.SIGINT))


@contextmanager
def ended_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Inside, SIGTERM and SIGINT set `stop`, however often they come.

    Not by the loop's own handlers: they lose a signal that comes while the pipe that wakes the loop is full, as it is
    when a thousand streams are released.
    """
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {}
    for number in _ENDING:
        # Outside the main thread there are none.
        with suppress(ValueError):
            before[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Processes that are started inside get no such signal until they `take_again`; nor does this one meanwhile.

    A terminal, or a manager of services, sends them to all processes at once: one that is starting would die of it.
    """
    if sys.platform == "win32":
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        take_again()


def take_again() -> None:
    """From now on signals come; also those that were held back."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
