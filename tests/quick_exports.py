"""What makes exports quick in tests that make no claim of it, and its contrary."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from captures import remembering

from rnnedge_export import Effort, session
from rnnedge_export.capture import capture

# `make soak` chains all 10,000 everywhere.
_ALL, _FEWER = Effort.frames, 1024


def remember(patch: pytest.MonkeyPatch) -> None:
    """A network is captured once a process."""
    patch.setattr(session, "capture", remembering(capture))


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Chain fewer frames in the proof of an export, unless a test says how many."""
    _by_default(patch, _FEWER)


def _whole(patch: pytest.MonkeyPatch) -> None:
    _by_default(patch, _ALL)


def _by_default(patch: pytest.MonkeyPatch, frames: int) -> None:
    lengths, batches, _, *more = Effort.__init__.__defaults__
    patch.setattr(Effort.__init__, "__defaults__", (lengths, batches, frames, *more))


AS_THEY_ARE: dict[str, Callable[[pytest.MonkeyPatch], None]] = {"whole_drift": _whole}
