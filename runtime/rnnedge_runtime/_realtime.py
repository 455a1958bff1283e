"""A thread that has to be in time: what a process can ask of its system, set for a while and put back."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from rnnedge_runtime.arguments import integer
from rnnedge_runtime.engines.denormals import flush_denormals

# <sys/mman.h> and <linux/prctl.h>.
_MCL_CURRENT_AND_FUTURE = 3
_PR_SET_TIMERSLACK, _PR_GET_TIMERSLACK = 29, 30
_MOST_PRIORITY = 99


@dataclass
class Realtime:
    """What `realtime` could set: names in `kept`, and in `refused` what the system said of the others.

    memory     no page of the process is swapped out, nor mapped only when it is first touched
    collector  Python's collector of circular garbage does not run; what exists already is not looked at any more
    denormals  numbers next to zero count as zero in this thread; they stay so
    timer      sleeps of this thread end within a microsecond of their time, where the system may take 50
    core       this thread runs on that core
    priority   this thread runs before every one without such a priority (SCHED_FIFO)
    """

    kept: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line."""
        said = [f"set: {', '.join(self.kept) or 'nothing'}"]
        return "; ".join([*said, *(f"{name}: {reason}" for name, reason in self.refused.items())])


def realtime(*, core: int | None = None, priority: int | None = None) -> AbstractContextManager[Realtime]:
    """Make the calling thread miss fewer deadlines until the block ends; what it yields says what could be set.

    Call it after the model is loaded and pushed once, in the thread that pushes. `core`: the number of a core for this
    thread alone; best one that the system keeps free. `priority`: 1 to 99, with SCHED_FIFO, which takes the right to
    set it (root, CAP_SYS_NICE or RLIMIT_RTPRIO): a thread that never sleeps then starves its core.
    What the system refuses is left as it is. Raises `InputError` for numbers out of range, nothing for a refusal.
    """
    steps: dict[str, Callable[[ExitStack], None]] = {
        "memory": _memory, "collector": _collector, "denormals": _denormals, "timer": _timer,
    }  # fmt: skip
    if core is not None:
        steps["core"] = _on(integer(core, "realtime: core", 0))
    if priority is not None:
        steps["priority"] = _before_others(integer(priority, "realtime: priority", 1, _MOST_PRIORITY))
    return _block(steps)


@contextmanager
def _block(steps: dict[str, Callable[[ExitStack], None]]) -> Iterator[Realtime]:
    found = Realtime()
    with ExitStack() as before:
        for name, step in steps.items():
            try:
                step(before)
            except (OSError, AttributeError) as error:
                found.refused[name] = getattr(error, "strerror", None) or "this system has no such thing"
            else:
                found.kept += (name,)
        yield found


def _memory(before: ExitStack) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.mlockall(_MCL_CURRENT_AND_FUTURE))
    before.callback(libc.munlockall)


def _collector(before: ExitStack) -> None:
    ran = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    before.callback(gc.unfreeze)
    if ran:
        before.callback(gc.enable)


def _denormals(before: ExitStack) -> None:
    if not flush_denormals():
        raise OSError(None, "this processor's mode cannot be set from here")


def _timer(before: ExitStack) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    slack_ns = libc.prctl(_PR_GET_TIMERSLACK, 0, 0, 0, 0)
    _check(slack_ns)
    _check(libc.prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(1), 0, 0, 0))
    before.callback(libc.prctl, _PR_SET_TIMERSLACK, ctypes.c_ulong(slack_ns), 0, 0, 0)


def _on(core: int) -> Callable[[ExitStack], None]:
    def step(before: ExitStack) -> None:
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})
        before.callback(os.sched_setaffinity, 0, allowed)

    return step


def _before_others(priority: int) -> Callable[[ExitStack], None]:
    def step(before: ExitStack) -> None:
        policy, was = os.sched_getscheduler(0), os.sched_getparam(0)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
        before.callback(os.sched_setscheduler, 0, policy, was)

    return step


def _check(result: int) -> None:
    """A call of the C library that failed says so with -1."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
