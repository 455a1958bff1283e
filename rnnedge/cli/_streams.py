"""The standard streams: there, whatever the parent closed, and able to take every text."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

_NAMES = ("stdin", "stdout", "stderr")


def prepare() -> None:
    """Call it before any file is opened, which would take the place of a stream that the parent closed.

    Reading from a closed standard input, and writing to a closed standard output, fails as it should; what is written
    to a closed standard error is dropped. A letter that the encoding of a stream lacks is written escaped.
    """
    for number, name in enumerate(_NAMES):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one. Opened the wrong way round, so that the use is an error.
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY if name == "stdout" else os.O_WRONLY), True)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop(stream: object) -> None:
    """What `stream` still holds goes nowhere; the interpreter must not complain while flushing it at its end."""
    with suppress(OSError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())  # type: ignore[attr-defined]
        os.close(null)


def finish() -> None:
    """Flush both; what cannot be written any more is dropped."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            drop(stream)
