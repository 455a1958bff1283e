"""Run `try_mutants.py` over many seeds in several processes, and see what a process cannot say of itself.

A crash ends a process, a hang keeps it from the next line; both are known by the seed that was begun. A hang counts
when it happens again in a process that has the seed to itself, because a busy machine can make anything late once.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

_SCRIPT = Path(__file__).with_name("try_mutants.py")
_START_SECONDS = 60.0
_BATCH = 1250


@dataclass
class Outcome:
    """What came of each seed, what was wrong, and the most memory that a process had."""

    by_seed: dict[int, str] = field(default_factory=dict)
    wrong: dict[int, str] = field(default_factory=dict)
    peak_mib: int = 0

    @property
    def results(self) -> Counter[str]:
        """How often each result came."""
        return Counter(self.by_seed.values())

    def add(self, other: Outcome) -> None:
        """Count another outcome in."""
        self.by_seed |= other.by_seed
        self.wrong |= other.wrong
        self.peak_mib = max(self.peak_mib, other.peak_mib)


def try_seeds(kind: str, folder: Path, seeds: range, limit_s: float = 2.0, processes: int = 2) -> Outcome:
    """Try every seed; `limit_s` is what one mutant may take."""
    batches = [list(seeds[i : i + _BATCH]) for i in range(0, len(seeds), _BATCH)]
    whole = Outcome()
    with ThreadPoolExecutor(processes) as pool:
        for outcome in pool.map(lambda batch: _try_batch(kind, folder, batch, limit_s), batches):
            whole.add(outcome)
    return whole


def _try_batch(kind: str, folder: Path, seeds: list[int], limit_s: float) -> Outcome:
    outcome, left = Outcome(), seeds
    while left:
        seen, problem = _try_some(kind, folder, left, limit_s, outcome)
        left = left[seen:]
        if problem:
            if problem == "hang":
                again = Outcome()
                _, problem = _try_some(kind, folder, left[:1], limit_s, again)
                outcome.add(again)
            if problem:
                outcome.wrong[left[0]] = problem
            left = left[1:]
    return outcome


def _try_some(kind: str, folder: Path, seeds: list[int], limit_s: float, outcome: Outcome) -> tuple[int, str]:
    """How many seeds were tried, and "hang" or the crash that came with the next one."""
    command = [sys.executable, str(_SCRIPT), kind, str(folder), *map(str, seeds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        seen, begun = 0, False
        try:
            for line in _lines(process, limit_s):
                if begun:
                    peak, result = line.split(" ", 1)
                    outcome.peak_mib = max(outcome.peak_mib, int(peak))
                    if result not in ("accepted", "refused", "busy"):
                        outcome.wrong[seeds[seen]] = result
                    outcome.by_seed[seeds[seen]] = result
                    seen += 1
                begun = not begun
        except TimeoutError:
            process.kill()
            return seen, "hang"
        _, words = process.communicate()
        if process.returncode:
            return seen, f"crash: exit {process.returncode}: {words.strip()[-300:]}"
    return seen, ""


def _lines(process: subprocess.Popen[str], limit_s: float) -> Iterator[str]:
    """Lines as they come; `TimeoutError` where one is late. The first may wait for imports."""
    queue: Queue[str] = Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            queue.put(line.rstrip("\n"))
        queue.put("")

    Thread(target=read, daemon=True).start()
    wait = _START_SECONDS
    while True:
        try:
            line = queue.get(timeout=wait)
        except Empty:
            raise TimeoutError from None
        if not line:
            return
        yield line
        wait = limit_s
