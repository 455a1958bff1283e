"""A native recurrence over exactly one frame: the cell on two axes, (B, I) and (B, H).

Squeeze and Unsqueeze stand around it because the node takes (T, B, I); `drop_singleton` takes them away together with
the axis. Squeeze fails on any other number of frames.
"""

from __future__ import annotations

import numpy as np

from rnnedge_export.forms.cells import project
from rnnedge_export.forms.recurrence import Result, Task
from rnnedge_export.forms.tape import Tape


def run(tape: Tape, task: Task) -> Result:
    """Write one direction of a native recurrence for one frame; forward and reverse are the same here."""
    spec = task.spec
    x = tape.op("Squeeze", spec.x, tape.ints(spec.time_axis))
    first = tape.const(np.zeros((), np.int64), "scalar")
    y, memory = task.frame(tape, first, project(tape, task.weights, x), task.memory)
    axes = tape.ints(spec.layout, spec.layout + 1)
    return Result(tape.op("Unsqueeze", y, axes) if task.reads_y else None, memory)
