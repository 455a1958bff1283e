"""Children that hear SIGINT, and an alarm that is as it was after the last ring."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """A shell that runs the tests in the background makes every child ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def last_ring() -> Iterator[None]:
    """A ring may be on its way by another thread; the default is put back when it has arrived."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    if signal.getsignal(signal.SIGALRM) is not before:
        time.sleep(0.05)
        signal.signal(signal.SIGALRM, before)
