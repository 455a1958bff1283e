"""A native recurrence over exactly one frame: the cell on two axes, (B, I) and (B, H).

Squeeze and Unsqueeze stand around it because the node takes (T, B, I); `remove_unit_axes` takes them away together with
the axis. Squeeze fails on any other number of frames.
"""

from __future__ import annotations

import numpy as np

from rnnedge_export.forms.cells import project
from rnnedge_export.forms.recurrence import Result, Task
from rnnedge_export.graph.builder import GraphBuilder


def run(builder: GraphBuilder, task: Task) -> Result:
    """Write one direction of a native recurrence for one frame; forward and reverse are the same here."""
    spec = task.spec
    x = builder.op("Squeeze", spec.x, builder.ints(spec.time_axis))
    first = builder.const(np.zeros((), np.int64), "scalar")
    y, memory = task.frame(builder, first, project(builder, task.weights, x), task.memory)
    axes = builder.ints(spec.layout, spec.layout + 1)
    return Result(builder.op("Unsqueeze", y, axes) if task.reads_y else None, memory)
