"""A native recurrence over a fixed number of frames, as a straight line.

1. The input projection runs over all T frames at once; frame t then costs what depends on the state.
2. Frames are cut from, and joined to, matrices of two axes: (T*B, n) holds frame t in rows t*B to (t+1)*B, so one Split
   and one Reshape serve the whole chunk and no frame needs a Squeeze or Unsqueeze.
3. Where the graph does not state that x has T frames, a Split into one part of T frames does, and fails on any other.
4. With `last_frame` the final states are those after that frame; the per-frame output is what it always is. A padded
   chunk has no reverse direction: it would have to begin at that frame, so it is refused.
"""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.forms.attributes import static_dim
from rnnedge_export.forms.cells import Memory, project
from rnnedge_export.forms.recurrence import Result, Run, Task
from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_runtime.errors import ModelRefused


def runner(length: int, last_frame: ir.Value | None) -> Run:
    """A way to run one direction over `length` frames; `last_frame` is an int64 scalar, counted from 0, or None."""

    def run(builder: GraphBuilder, task: Task) -> Result:
        return _run(builder, task, length, last_frame)

    return run


def _run(builder: GraphBuilder, task: Task, length: int, last_frame: ir.Value | None) -> Result:
    spec = task.spec
    if last_frame is not None and task.direction.reverse:
        raise ModelRefused(
            f"{spec.name}: reverse direction in a padded chunk; expected forward: it cannot begin at an unknown frame"
        )
    frames = _frames(builder, task, length)
    memory = task.memory
    ys: list[ir.Value] = []
    memories: list[Memory] = []
    times = range(length)
    for t in reversed(times) if task.direction.reverse else times:
        now = builder.scalar(t, ir.DataType.INT64)
        y, memory = task.frame(builder, now, frames[t], memory)
        ys.append(y)
        memories.append(memory)
    if task.direction.reverse:
        ys.reverse()
    if last_frame is not None:
        states = zip(*(each.values for each in memories), strict=True)
        memory = Memory(*(_at(builder, list(state), last_frame) for state in states))
    return Result(_stack_y(builder, task, ys) if task.reads_y else None, memory)


def _frames(builder: GraphBuilder, task: Task, length: int) -> list[list[ir.Value]]:
    """The projection of each frame, one value (B, n*H) for each gate group."""
    x = task.spec.x
    if task.spec.length is None:
        x = builder.op("Split", x, builder.ints(length), axis=task.spec.time_axis)
    if task.spec.time_axis == 1:
        x = builder.op("Transpose", x, perm=[1, 0, 2])
    rows = builder.op("Reshape", x, _row_shape(builder, task))
    groups = project(builder, task.weights, rows)
    if length == 1:
        return [groups]
    cut = [builder.ops("Split", group, outputs=length, axis=0, num_outputs=length) for group in groups]
    return [list(frame) for frame in zip(*cut, strict=True)]


def _row_shape(builder: GraphBuilder, task: Task) -> ir.Value:
    """(-1, I)."""
    width = static_dim(task.spec.w, 2) or static_dim(task.spec.x, 2)
    if width is not None:
        return builder.ints(-1, width)
    return builder.op("Concat", builder.ints(-1), builder.op("Shape", task.spec.w, start=2, end=3), axis=0)


def _stack_y(builder: GraphBuilder, task: Task, ys: list[ir.Value]) -> ir.Value:
    """T times (B, H) -> (T, 1, B, H), or in layout 1 (B, T, 1, H)."""
    hidden = task.spec.hidden_size
    if task.spec.time_axis == 0:
        stacked = builder.op("Reshape", _concat(builder, ys, 0), builder.ints(len(ys), -1, hidden))
    else:
        stacked = builder.op("Reshape", _concat(builder, ys, 1), builder.ints(-1, len(ys), hidden))
    return builder.op("Unsqueeze", stacked, builder.ints(task.spec.layout + 1))


def _at(builder: GraphBuilder, states: list[ir.Value], last_frame: ir.Value) -> ir.Value:
    """Of T states (B, H), the one after `last_frame`."""
    stacked = [builder.op("Unsqueeze", state, builder.ints(0)) for state in states]
    return builder.op("Gather", _concat(builder, stacked, 0), last_frame, axis=0)


def _concat(builder: GraphBuilder, parts: list[ir.Value], axis: int) -> ir.Value:
    return parts[0] if len(parts) == 1 else builder.op("Concat", *parts, axis=axis)
