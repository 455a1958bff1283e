"""The line of the user's code that is running, or in which an error arose."""

from __future__ import annotations

import linecache
import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import FrameType, TracebackType

import torch

_STRANGERS = (Path(torch.__file__).resolve().parent, Path(__file__).resolve().parents[1])
# Where every capture begins: what called it is no part of the module.
_TRACING = Path(__file__).resolve().with_name("_tracing.py")
_STDLIB = Path(os.__file__).resolve().parent


@dataclass(frozen=True)
class Line:
    """One line of the user's code."""

    path: Path
    number: int

    @property
    def text(self) -> str:
        """The code."""
        return linecache.getline(str(self.path), self.number).strip()

    def __str__(self) -> str:
        """As messages give it."""
        return f"{self.path.name}:{self.number} `{self.text[:120]}`"


def line_running() -> Line | None:
    """The innermost line of the module that runs: of neither torch, the standard library nor this package."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        path = _path(frame.f_code.co_filename)
        if path == _TRACING:
            return None
        if is_of_users(path):
            return Line(path, frame.f_lineno)
        frame = frame.f_back
    return None


def called_by_users() -> bool:
    """Whether a line of the user's code called what asks, without torch in between."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _path(frame.f_code.co_filename).is_relative_to(_STRANGERS[1]):
        frame = frame.f_back
    return is_of_users(_path(frame.f_code.co_filename))


def line_of(error: BaseException) -> Line | None:
    """The innermost line of the module that `error`, or what caused it, came through."""
    found, at = None, error.__traceback__
    while at is not None:
        found, at = _line_at(at) or found, at.tb_next
    return found if found is not None or error.__cause__ is None else line_of(error.__cause__)


def _line_at(at: TracebackType) -> Line | None:
    path = _path(at.tb_frame.f_code.co_filename)
    return Line(path, at.tb_lineno) if is_of_users(path) else None


# A capture asks for the running line thousands of times, of the same few files.
@lru_cache(maxsize=4096)
def _path(file: str) -> Path:
    return Path(file).resolve()


def is_of_users(path: Path) -> bool:
    """Whether a file is none of torch, the standard library or this package."""
    # A notebook's cells are in no file.
    return not _is_known(path) and (path.exists() or str(path) in linecache.cache)


@lru_cache(maxsize=4096)
def _is_known(path: Path) -> bool:
    """Whether it is of the standard library, torch, or this package."""
    standard = path.is_relative_to(_STDLIB) and "site-packages" not in path.parts
    return standard or any(path.is_relative_to(folder) for folder in _STRANGERS)
