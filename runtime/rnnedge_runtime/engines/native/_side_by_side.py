"""Blocks of sequences on several threads: a batch is many blocks that know nothing of one another.

Whoever calls works too, so that a call waits for nobody who has not begun: threads that wake late find nothing left.
Every block is computed by the same code as on one thread, so the results have the same bits.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from rnnedge_runtime.engines.denormals import flush_denormals
from rnnedge_runtime.engines.native.abi import Run

# How long a wait sleeps at most before it looks again; what comes back rings.
_GLANCE_S = 0.001


class Round:
    """The calls of one run. Lists stand for counters: one `append` or `pop` cannot be torn by a signal."""

    def __init__(self, run: Run, arguments: list[Any]) -> None:
        """`arguments`, one for each block, are taken from the end."""
        self._run, self._left = run, arguments.copy()
        self._at_work: list[None] = []
        self._bell: SimpleQueue[None] = SimpleQueue()
        self.codes: list[int] = []

    def work(self) -> None:
        """Run what is left, one by one, until nothing is; after a code that is not 0, nothing is begun any more."""
        with suppress(IndexError):
            while True:
                code = self._run(self._left.pop())
                if code:
                    self.codes.append(code)
                    self._left.clear()

    def help(self) -> None:
        """As `work`, in a thread that nobody interrupts. It says that it is here before it takes anything."""
        self._at_work.append(None)
        self.work()
        self._at_work.pop()
        self._bell.put(None)

    def wait(self) -> None:
        """Until nobody works; what has not begun does not begin any more."""
        self._left.clear()
        while self._at_work:
            with suppress(Empty):
                self._bell.get(timeout=_GLANCE_S)


class Crew:
    """Threads that help; they begin with the first call that has work for them, and end with the engine."""

    def __init__(self, helpers: int, flush: bool) -> None:
        """As many as this, besides the thread that calls; `flush`: denormal numbers are zero in them."""
        self._helpers, self._flush = helpers, flush
        self._rounds: SimpleQueue[Round | None] = SimpleQueue()
        self._started = False
        self._starting = threading.Lock()

    def round(self, run: Run, arguments: list[Any]) -> Round:
        """One round of these calls; whoever runs it knows it before anything of it begins."""
        return Round(run, arguments)

    def run(self, one: Round, calls: int) -> None:
        """Run all `calls` of a round. Whatever interrupts it, `Round.wait` has to be called before anything else."""
        if not self._started:
            self._start()
        for _ in range(min(self._helpers, calls - 1)):
            # Those that have not come for the last round do not hear of this one: they are busy elsewhere.
            if self._rounds.qsize() < self._helpers:
                self._rounds.put(one)
        one.work()
        one.wait()

    def _start(self) -> None:
        with self._starting:
            if self._started:
                return
            # Where the system has no thread to give, those that are there do the work.
            with suppress(RuntimeError):
                for index in range(self._helpers):
                    name, given = f"rnnedge-native-{index + 1}", (self._rounds, self._flush)
                    threading.Thread(target=_helper, args=given, name=name, daemon=True).start()
            weakref.finalize(self, _end, self._rounds, self._helpers)
            self._started = True


def _helper(rounds: SimpleQueue[Round | None], flush: bool) -> None:
    if flush:
        flush_denormals()
    while (one := rounds.get()) is not None:
        one.help()
        # Nothing of it is kept alive while this thread sleeps.
        del one


def _end(rounds: SimpleQueue[Round | None], helpers: int) -> None:
    for _ in range(helpers):
        rounds.put(None)
