"""What a file of a task is tried on when its numbers change: recordings, and its score on what it never saw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnedge.tasks.catalogue import TASKS
from rnnedge.tasks.score import accuracy
from rnnedge_runtime.contract import Array
from rnnedge_runtime.model import Model


def trial_of(task: str) -> tuple[list[Array] | None, Callable[[Model], Array] | None]:
    """Training recordings and the accuracy on the test data of a task by name; neither for an unknown one.

    No accuracy for a task that does not ask for a class per sequence. Raises `MissingExtra` where the data is not
    installed.
    """
    if task not in TASKS:
        return None, None
    splits = TASKS[task].read({})
    decides = np.ndim(splits.test.targets[0]) == 0
    return list(splits.train.frames), accuracy(splits.test) if decides else None
