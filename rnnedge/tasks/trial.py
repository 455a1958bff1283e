"""What a file of a task is tried on when its numbers change: recordings, and its score on what it never saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnedge.tasks.score import accuracy
from rnnedge.tasks.speech import load_speech
from rnnedge_runtime.contract import Array
from rnnedge_runtime.model import Model


def trial_of(task: str) -> tuple[list[Array] | None, Callable[[Model], Array] | None]:
    """Training recordings and the accuracy on the test data of a task by name; neither for an unknown one.

    Raises `MissingExtra` where the data is not installed.
    """
    return _TRIALS[task]() if task in _TRIALS else (None, None)


def _speech() -> tuple[list[Array], Callable[[Model], Array]]:
    return list(load_speech("train").frames), accuracy(load_speech("test"))


_TRIALS: dict[str, Callable[[], Any]] = {"speech": _speech}
