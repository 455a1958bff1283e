"""What runs in the process of `first_opening`: limits for itself, then the file.

Reads a line of JSON and the file from stdin; writes lines of JSON to stdout, of which the last one is the verdict.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from threading import Timer
from typing import Any

_MIB = 1 << 20
# Beyond what is in use after the imports: stacks and heaps of onnxruntime's threads, copies of the weights.
_SPARE, _PER_THREAD, _COPIES = 512 * _MIB, 96 * _MIB, 6
_GRACE_SECONDS, _LATE_SECONDS = 0.3, 2.0
# How many times as long the file may take by the clock on the wall.
WAITING = 10.0
TIME_IS_UP = 75
_timer: Timer | None = None


def main() -> None:
    """Open, replay and try the file; ends the process."""
    # Whatever else writes to stdout is not heard.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def say(**words: object) -> None:
        print(json.dumps(words), file=out, flush=True)

    asked = json.loads(sys.stdin.buffer.readline())
    from rnnedge_runtime.engines import _ort as ort  # noqa: F401 (imported before the limits, which count from here)
    from rnnedge_runtime.engines.settings import Settings
    from rnnedge_runtime.errors import ModelRefused, ProviderError
    from rnnedge_runtime.untrusted.limits import Limits

    settings, limits = Settings(**asked["settings"]), Limits(**asked["limits"])
    data = sys.stdin.buffer.read()
    _limit_itself(settings, limits, asked["seconds"], len(data))
    try:
        say(at="opened")
        _open(data, asked["name"], settings, limits, say)
    except (ModelRefused, ProviderError) as error:
        say(kind=type(error).__name__, text=str(error))
    except MemoryError:
        say(kind="ModelRefused", text=f"expected to open and replay within {limits.arena_bytes:,} bytes for its values")
    else:
        say(at="tried", result="accepted")
    # Threads of onnxruntime may still be busy, and nothing here needs an orderly end.
    os._exit(0)


def _open(data: bytes, name: str, settings: Any, limits: Any, say: Any) -> None:
    from rnnedge_runtime.model import load_bytes
    from rnnedge_runtime.untrusted._exercise import exercise

    # Its own watch counts the time that other processes take, too.
    patient = replace(limits, seconds=WAITING * limits.seconds, device_seconds=WAITING * limits.device_seconds)
    model = load_bytes(data, name, settings, trust="strict", in_child=False, limits=patient)
    # From here on, being late is no refusal.
    say(at="tried", result="accepted")
    end_after(limits.trial_seconds + _GRACE_SECONDS, max(1, settings.threads))
    exercise(model, limits.trial_seconds)


def _limit_itself(settings: Any, limits: Any, seconds: float, size: int) -> None:
    """No more memory than the file may want, no more time, no file, no core dump; as far as the system has limits."""
    threads = max(1, settings.threads)
    end_after(seconds, threads)
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    total = seconds + limits.trial_seconds + _LATE_SECONDS
    cpu = int(used.ru_utime + used.ru_stime + total * threads) + 1
    room = limits.arena_bytes + 2 * limits.buffer_bytes + _SPARE + _PER_THREAD * threads + _COPIES * size
    wanted = {"RLIMIT_CPU": cpu, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0}
    on_cpu = settings.provider == "cpu" or list(settings.provider) == ["cpu"]
    if on_cpu and (virtual := _virtual_bytes()) is not None:
        # Other providers map the memory of their device.
        wanted["RLIMIT_AS"] = virtual + room
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


def end_after(seconds: float, threads: int = 1) -> None:
    """End the process after so many seconds of each processor's time, whatever it does then; the last call counts.

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


def _virtual_bytes() -> int | None:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
