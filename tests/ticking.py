"""Tuning by a clock that is a second later at every look: a busy machine decides nothing, and no time is waited."""

from __future__ import annotations

from importlib import import_module
from itertools import count
from types import SimpleNamespace

import pytest

from rnnedge.tuning import _measuring as measuring

# Six candidates are looked at in its larger part, which are two precisions in three forms; then come the fewest rounds.
BUDGET = 9.0


def tick(patch: pytest.MonkeyPatch) -> None:
    """All that is looked at is proven, and of it at most three finalists are measured in rounds of a dozen pushes."""
    tuning, seconds = import_module("rnnedge.tuning._tune"), count()
    patch.setattr(tuning, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))
    patch.setattr(tuning, "_BEHIND", float("inf"))
    patch.setattr(tuning, "_FINALISTS", 3)
    patch.setattr(measuring, "_ROUND", 12)
