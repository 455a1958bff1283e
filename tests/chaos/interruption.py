"""Exceptions that come at a chosen place of the runtime's own code, as that of a signal's handler may."""

from __future__ import annotations

import dis
import gc
import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import rnnedge_runtime

_PACKAGE = str(Path(rnnedge_runtime.__file__).parent) + os.sep
# What ends with a look at signals; the names differ from one Python to the next.
_LOOKS = ("CALL", "RESUME", "JUMP_BACKWARD", "JUMP_ABSOLUTE")
_RETURN = {dis.opmap[name] for name in ("RETURN_VALUE", "RETURN_CONST") if name in dis.opmap}


TIMER = pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="Python 3.10 hears signals between a return and its use",
)


class Interrupted(BaseException):
    """What comes."""


class Place:
    """The `number`-th bytecode that the runtime is about to run, from 0; `seen` counts them, `came` is where it was.

    The last one of the outermost function is not counted: a call that returns its result has happened.
    """

    def __init__(self, number: int) -> None:
        self.number, self.seen = number, 0
        self.came: str | None = None
        self._outermost: FrameType | None = None

    def __enter__(self) -> Place:
        self._before = sys.gettrace()
        sys.settrace(self._enter_frame)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _enter_frame(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            return None
        if self._outermost is None:
            self._outermost = frame
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._in_frame

    def _in_frame(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        if event == "return" and frame is self._outermost:
            self._outermost = None
        returns = frame is self._outermost and frame.f_code.co_code[frame.f_lasti] in _RETURN
        if event == "opcode" and self._counts(frame) and not returns:
            self.seen += 1
            if self.seen > self.number and self.came is None:
                self.came = f"{frame.f_code.co_name}:{frame.f_lineno}"
                raise Interrupted(self.came)
        return self._in_frame

    def _counts(self, frame: FrameType) -> bool:
        """Whether the bytecode that is about to run is a place."""
        return True


class HeardPlace(Place):
    """Of those where Python hears a signal: the start of a function, a jump back, and the end of a call.

    So not between the body of a `with` and its exit, where an exception would leave a lock for ever.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        # The bytecode that ran last in each frame.
        self._ran: dict[FrameType, int] = {}

    def _counts(self, frame: FrameType) -> bool:
        before, now = self._ran.get(frame), frame.f_lasti
        self._ran[frame] = now
        if before is None:
            return True
        looks = dis.opname[frame.f_code.co_code[before]].startswith(_LOOKS)
        return looks and _handlers(frame.f_code, before) == _handlers(frame.f_code, now)


@cache
def _handlers(code: CodeType, offset: int) -> int | None:
    """Where an exception of this bytecode is handled; None in no place of this function."""
    # Python 3.10 has no table: it opens and closes its blocks by bytecodes.
    table = getattr(dis, "_parse_exception_table", lambda code: ())(code)
    return next((entry.target for entry in table if entry.start <= offset < entry.end), None)


def interrupted_at(place: Place, act: Callable[[], object]) -> str | None:
    """Let `act` be ended at this place; returns where it was, None where `act` ended by itself."""
    try:
        with place:
            act()
    except Interrupted:
        pass
    return place.came


def _hear_nothing(*_: object) -> None:
    """Between two calls."""


def rung_after(seconds: float, act: Callable[[], object], again_s: float = 0.0) -> bool:
    """Let the handler of a timer's signal end `act` after so long, and ring on every `again_s`; whether it ended it."""
    rings = False

    def ring(*_: object) -> None:
        if rings:
            raise Interrupted("the timer")

    signal.signal(signal.SIGALRM, ring)
    # Python loses what is raised in a finalizer.
    collects = gc.isenabled()
    gc.disable()
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, again_s)
        rings = True
        act()
        # Not a call: nothing can ring between the end of `act` and this.
        rings = False
    except Interrupted:
        rings = False
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        # A ring may still be on its way, by another thread: to a handler, since Python says of the default that it is
        # a race, in an error that nobody can catch.
        signal.signal(signal.SIGALRM, _hear_nothing)
        if collects:
            gc.enable()
    return False
