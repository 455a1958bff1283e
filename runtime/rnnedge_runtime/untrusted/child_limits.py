"""Limits that a process sets for itself, which runs an untrusted file: memory, time, files; and its answers."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from threading import Timer
from typing import Any

_MIB = 1 << 20
# Beyond what is in use after the imports: stacks and heaps of onnxruntime's threads, copies of the weights.
_SPARE, _PER_THREAD, _COPIES = 512 * _MIB, 96 * _MIB, 6
_LATE_SECONDS = 2.0
# How many times as long the file may take by the clock on the wall.
WAITING = 10.0
TIME_IS_UP = 75
_timer: Timer | None = None


def limit_itself(settings: Any, limits: Any, seconds: float, size: int) -> None:
    """No more memory than the file may want, no more time, no file, no core dump; as far as the system has limits."""
    threads = max(1, settings.threads)
    end_after(seconds, threads)
    total = seconds + limits.trial_seconds + _LATE_SECONDS
    room = limits.arena_bytes + 2 * limits.buffer_bytes + _SPARE + _PER_THREAD * threads + _COPIES * size
    on_cpu = settings.provider == "cpu" or list(settings.provider) == ["cpu"]
    # Other providers map the memory of their device.
    lower(total * threads, room if on_cpu else None)


def lower(seconds: float, memory: int | None, *, writes: bool = False) -> None:
    """From here on: that many seconds of a processor, bytes of memory, no core dump, and, unless it `writes`, no file.

    As far as the system has such limits, and lets them be lowered.
    """
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    wanted = {"RLIMIT_CPU": int(used.ru_utime + used.ru_stime + seconds) + 1, "RLIMIT_CORE": 0}
    if not writes:
        wanted["RLIMIT_FSIZE"] = 0
    if memory is not None and (virtual := virtual_bytes()) is not None:
        wanted["RLIMIT_AS"] = virtual + memory
    for name, most in wanted.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        try:
            hard = resource.getrlimit(kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):
            continue


def answers() -> Callable[..., None]:
    """Says words as a line of JSON on stdout, on which whatever else writes to it is not heard from here on."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def say(**words: object) -> None:
        print(json.dumps(words), file=out, flush=True)

    return say


def end_after(seconds: float, threads: int = 1) -> None:
    """End the process after that many seconds of each processor's time, whatever it does then; the last call counts.

    A machine that is busy with other things does not make a file late. One that only waits has ten times as long.
    """
    if hasattr(signal, "setitimer"):
        # The system does it: a kernel that holds the interpreter's lock is ended too.
        for name, clock, most in (
            (signal.SIGPROF, signal.ITIMER_PROF, seconds * threads),
            (signal.SIGALRM, signal.ITIMER_REAL, seconds * WAITING),
        ):
            signal.signal(name, signal.SIG_DFL)
            signal.setitimer(clock, most)
        return
    global _timer
    if _timer is not None:
        _timer.cancel()
    _timer = Timer(seconds * WAITING, os._exit, (TIME_IS_UP,))
    _timer.daemon = True
    _timer.start()


def virtual_bytes() -> int | None:
    """What this process has of addresses, which a limit counts from; None where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
