"""Whether an exception is that of a signal's handler, which may come out of any call and be of any type."""

from __future__ import annotations

import signal
from types import CodeType
from typing import Any


def of_a_handler(error: BaseException) -> bool:
    """Whether `error` has passed through the handler of a signal."""
    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


def _code_of(handler: Any) -> CodeType | None:
    """That of a function, a method, a partial of either, or an object that can be called; None for anything else."""
    handler = getattr(handler, "func", handler)
    handler = getattr(handler, "__func__", handler)
    called = handler if hasattr(handler, "__code__") else vars(type(handler)).get("__call__")
    return getattr(called, "__code__", None)
