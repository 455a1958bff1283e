"""Which line of a module's code fixes the length of the sequence while it is captured, and what to write instead.

torch.export says that a length was fixed, not where. Its symbolic shapes log each conclusion as they draw it, so the
line is the one of the user's code that is running at that moment.
"""

from __future__ import annotations

import linecache
import logging
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

_LOGGER = "torch.fx.experimental.symbolic_shapes"
_STRANGERS = (Path(torch.__file__).resolve().parent, Path(__file__).resolve().parents[1])
# Where every capture begins: what called it is no part of the module.
_TRACING = Path(__file__).resolve().with_name("_tracing.py")
_STDLIB = Path(os.__file__).resolve().parent


@dataclass(frozen=True)
class Line:
    """One line of somebody's code."""

    path: Path
    number: int

    @property
    def text(self) -> str:
        """What stands there."""
        return linecache.getline(str(self.path), self.number).strip()

    def __str__(self) -> str:
        """As messages give it."""
        return f"{self.path.name}:{self.number} `{self.text[:120]}`"


@dataclass(frozen=True)
class Baked:
    """`fixed`: where the length became a number; `limited`: where it got an upper limit."""

    fixed: Line | None
    limited: Line | None

    @property
    def remedy(self) -> str:
        """What to write instead."""
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
    return Baked(listener.fixed, listener.limited)


class _Listener(logging.Handler):
    def __init__(self, axis: int) -> None:
        super().__init__(logging.INFO)
        self._axis = axis
        self._symbol = "?"
        self.fixed: Line | None = None
        self.limited: Line | None = None

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


def line_running() -> Line | None:
    """The innermost line of the module that runs: of neither torch, the standard library nor this package."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        path = Path(frame.f_code.co_filename).resolve()
        if path == _TRACING:
            return None
        if _is_of_users(path):
            return Line(path, frame.f_lineno)
        frame = frame.f_back
    return None


def _is_of_users(path: Path) -> bool:
    standard = path.is_relative_to(_STDLIB) and "site-packages" not in path.parts
    return path.exists() and not standard and not any(path.is_relative_to(folder) for folder in _STRANGERS)
