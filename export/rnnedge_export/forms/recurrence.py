"""One native RNN, GRU or LSTM node rewritten through a way to run one direction of it.

What is the same in every form: reading the attributes, preparing the weights, cutting initial states and joining
results over the directions.

1. A missing initial state is zero, of the batch size of x.
2. `sequence_lens`: Y is zero and the state is held from the end of a sequence on. A reverse direction meets those
   frames first, so holding the initial state through them starts it at the last valid frame; nothing is reversed.
3. Y_h and Y_c are those after the last frame the direction visits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from rnnedge_export.forms._weights import Weights, prepare
from rnnedge_export.forms.attributes import Direction, Recurrence, read, static_dim
from rnnedge_export.forms.cells import Memory, advance
from rnnedge_export.graph.builder import GraphBuilder, replace


@dataclass(frozen=True)
class Task:
    """One direction to run, from `memory` over x of `spec`; lens (B, 1) int64 or None; `reads_y`: somebody reads Y.

    `taps`: inner values of every frame that are asked for, "cell" or gates of `Memory`; without `lens`, in a Scan only.
    """

    spec: Recurrence
    direction: Direction
    weights: Weights
    memory: Memory
    lens: ir.Value | None
    reads_y: bool
    taps: tuple[str, ...] = ()

    def frame(self, builder: GraphBuilder, t: ir.Value, x: list[ir.Value], memory: Memory) -> tuple[ir.Value, Memory]:
        """The output (B, H) of frame `t` (int64 scalar, counted from 0 in x), and the state after it."""
        after = advance(builder, self.spec, self.direction, self.weights, x, memory)
        if self.lens is None:
            return after.h, after
        valid = builder.op("Less", t, self.lens)
        y = builder.op("Where", valid, after.h, builder.scalar(0.0, self.spec.dtype))
        held = [builder.op("Where", valid, new, old) for new, old in zip(after.values, memory.values, strict=True)]
        return y, Memory(*held)


@dataclass(frozen=True)
class Result:
    """Y of one direction, (T, 1, B, H) or in layout 1 (B, T, 1, H), None where not read; and the final state.

    `taps`: those of the task, (T, B, H) each.
    """

    y: ir.Value | None
    memory: Memory
    taps: tuple[ir.Value, ...] = ()


Run = Callable[[GraphBuilder, Task], Result]


def rewrite(node: ir.Node, builder: GraphBuilder, run: Run) -> None:
    """Put in the place of the native `node` what `run` writes for each of its directions."""
    spec = read(node)
    used = [bool(value.uses()) or value.is_graph_output() for value in node.outputs]
    lens = None
    if spec.sequence_lens is not None:
        lens = builder.op("Unsqueeze", builder.op("Cast", spec.sequence_lens, to=ir.DataType.INT64), builder.ints(1))
    initial = [_initial_states(builder, spec, value) for value in (spec.initial_h, spec.initial_c)]
    results = []
    for d in spec.directions:
        memory = Memory(initial[0][d.index], initial[1][d.index] if spec.kind == "LSTM" else None)
        results.append(run(builder, Task(spec, d, prepare(builder, spec, d), memory, lens, bool(used) and used[0])))
    outputs: list[ir.Value | None] = []
    for index, reads in enumerate(used):
        if not reads:
            outputs.append(None)
        elif index == 0:
            ys = [result.y for result in results if result.y is not None]
            outputs.append(_join(builder, ys, spec.layout + 1))
        else:
            finals = [result.memory.values[index - 1] for result in results]
            axis = builder.ints(spec.layout)
            outputs.append(_join(builder, [builder.op("Unsqueeze", value, axis) for value in finals], spec.layout))
    replace(node, builder, outputs)


def _initial_states(builder: GraphBuilder, spec: Recurrence, value: ir.Value | None) -> list[ir.Value]:
    """One (B, H) for each direction."""
    count = len(spec.directions)
    if value is None:
        return [_zeros(builder, spec)] * count
    parts = builder.ops("Split", value, builder.ints(1, 1), outputs=2, axis=spec.layout) if count == 2 else [value]
    return [builder.op("Squeeze", part, builder.ints(spec.layout), hint="h") for part in parts]


def _zeros(builder: GraphBuilder, spec: Recurrence) -> ir.Value:
    axis = 1 - spec.time_axis
    batch = static_dim(spec.x, axis)
    if batch is not None:
        return builder.const(np.zeros((batch, spec.hidden_size), spec.dtype.numpy()), "zeros")
    size = builder.op("Shape", spec.x, start=axis, end=axis + 1)
    shape = builder.op("Concat", size, builder.ints(spec.hidden_size), axis=0)
    return builder.op("ConstantOfShape", shape, value=ir.tensor(np.zeros(1, spec.dtype.numpy())))


def _join(builder: GraphBuilder, parts: list[ir.Value], axis: int) -> ir.Value:
    return parts[0] if len(parts) == 1 else builder.op("Concat", *parts, axis=axis)
