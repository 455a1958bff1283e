"""Ctrl-C and SIGTERM end a command alike: what is open is finished or removed, one line, exit code 130 or 143."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType

_IMPORT = "<frozen importlib._bootstrap>"
_PATIENCE_S = 1.0


class Interruption:
    """Made first thing by the entry point; until `end`, a signal raises `KeyboardInterrupt`, once.

    `code` is then the exit code: 130 for SIGINT, 143 for SIGTERM. Three cases go their own way:

    1. During an import the process ends at once. Nothing is open yet, and an exception inside another package's
       import may be swallowed there, or leave it half made.
    2. During a run of a graph Python hears nothing until it comes back. A thread that the signal wakes ends the run.
    3. A second signal within a second of the first is taken for the same wish, said twice; a later one ends the
       process at once.
    """

    def __init__(self) -> None:
        """Begin to listen; a signal that the parent chose to ignore stays ignored."""
        self.code = 130
        self._asked_at: float | None = None
        self._heard = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) is not signal.SIG_IGN]
        for number in self._heard:
            signal.signal(number, self._hear)
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        threading.Thread(target=self._end_runs, name="rnnedge-interruption", daemon=True).start()

    def end(self) -> None:
        """From here on a signal changes nothing: the exit code is decided."""
        for number in self._heard:
            signal.signal(number, signal.SIG_IGN)

    def _end_runs(self) -> None:
        os.read(self._woken, 1)
        end = getattr(sys.modules.get("rnnedge_runtime.calls"), "end_all_runs", None)
        if end is not None:
            end()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is not None:
            if now - self._asked_at > _PATIENCE_S:
                os._exit(self.code)
            return
        self._asked_at = now
        self.code = 128 + number
        if _importing(frame):
            os.write(2, b"rnnedge: interrupted\n")
            os._exit(self.code)
        raise KeyboardInterrupt


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT:
            return True
        frame = frame.f_back
    return False
