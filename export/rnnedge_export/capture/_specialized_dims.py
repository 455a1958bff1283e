"""Which line of a module's code fixes the length of the sequence while it is captured, and what to write instead.

torch.export says that a length was fixed, not where. Its symbolic shapes log each conclusion as they draw it, so the
line is the one of the user's code that is running at that moment.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from rnnedge_export.capture._user_lines import Line, line_running

_LOGGER = "torch.fx.experimental.symbolic_shapes"


@dataclass(frozen=True)
class Baked:
    """`fixed`: where the length became a number; `limited`: where it got an upper limit; `compared`: or a lower one."""

    fixed: Line | None
    limited: Line | None
    compared: Line | None = None

    @property
    def branch(self) -> Line | None:
        """Where the code branches on the length."""
        lines = (self.limited, self.compared, self.fixed)
        return next((line for line in lines if _branches(line)), None)

    @property
    def remedy(self) -> str:
        """What to write instead."""
        if self.branch is not None:
            return (
                "a stream does not know how long it gets, and a table by position ends: leave the branch out, or write "
                "a mask of torch.arange(n)"
            )
        if self.limited is not None:
            return "a table by position ends, a stream does not: use positions relative to the frame, or none"
        if self.fixed is not None and re.search(r"\b(for|while|range)\b", self.fixed.text):
            return "a Python loop over time is unrolled for one length: write it with rnnedge.nn.time_loop"
        return "let no layer be as wide as the sequence is long, and no branch or Python number depend on its length"


def find_baked(run: Callable[[], object], axis: int) -> Baked:
    """Where `run`, a call of torch.export that fails, fixes or limits the size of `axis` of the first input."""
    listener = _Listener(axis)
    logger = logging.getLogger(_LOGGER)
    # torch's own handlers would print all of it; `run` is quiet in every other respect.
    level, handlers, propagate = logger.level, logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [listener], False
    logger.setLevel(logging.INFO)
    try:
        run()
    # It failed before, and how is known.
    except Exception:
        pass
    finally:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
    return Baked(listener.fixed, listener.limited, listener.compared)


def _branches(line: Line | None) -> bool:
    return line is not None and re.search(r"\bif\b", line.text) is not None


class _Listener(logging.Handler):
    def __init__(self, axis: int) -> None:
        super().__init__(logging.INFO)
        self._axis = axis
        self._symbol = "?"
        self.fixed: Line | None = None
        self.limited: Line | None = None
        self.compared: Line | None = None

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if created := re.match(
            rf"create_symbol (\w+) = \d+ for L\['\w+'\](?:\[0\])?\.size\(\)\[{self._axis}\]", message
        ):
            self._symbol = created[1]
        elif re.match(rf"set_replacement {self._symbol} = \d+\b", message):
            self.fixed = self.fixed or line_running()
        elif re.match(rf"eval {self._symbol} <=? \d+ \[guard added\]", message):
            self.limited = self.limited or line_running()
        elif re.match(rf"eval {self._symbol} >=? \d+ \[guard added\]", message):
            # Padding by reflection compares too.
            self.compared = self.compared if _branches(self.compared) else line_running() or self.compared
