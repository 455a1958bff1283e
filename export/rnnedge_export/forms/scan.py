"""A native recurrence as ONNX Scan, one for each direction.

1. The input projection X W + b runs over all frames at once, in front of the Scan; the body holds what depends on the
   state: one product with h for each gate group, and the element-wise part, all with two axes.
2. A reverse direction scans its inputs and writes its outputs backwards; layout 1 scans along axis 1.
3. Gates and cell states that are asked for are stacked too, along axis 0.
4. The body reads weights and `sequence_lens` from the outer graph, so that they stand in the file once.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from rnnedge_export.forms._weights import GROUPS
from rnnedge_export.forms.cells import Memory, project_sequence
from rnnedge_export.forms.recurrence import Result, Task
from rnnedge_export.graph.builder import GraphBuilder


def run(builder: GraphBuilder, task: Task) -> Result:
    """Write one direction of a native recurrence as a Scan."""
    spec = task.spec
    scanned = project_sequence(builder, task.weights, spec.x)
    axes = [spec.time_axis] * len(scanned)
    inner = builder.branch()
    frames = [_input(inner, f"{spec.name}.x", spec.dtype, gates * spec.hidden_size) for gates in GROUPS[spec.kind]]
    before = [_input(inner, f"{spec.name}.{letter}", spec.dtype, spec.hidden_size) for letter, _ in _letters(task)]
    inputs = [*before, *frames]
    t = _scalar(inner, f"{spec.name}.t")
    if task.lens is not None:
        scanned.append(_counter(builder, spec.x, spec.time_axis))
        axes.append(0)
        inputs.append(t)
    y, after = task.frame(inner, t, frames, Memory(*before))
    outputs = list(after.values)
    if task.reads_y:
        # A body may not return one value twice.
        outputs.append(inner.op("Identity", y, hint="y") if y is after.h else y)
    for name in task.taps:
        assert after.c is not None or name != "cell"
        outputs.append(inner.op("Identity", after.c if name == "cell" else after.gates[name], hint=name))
    for value in outputs:
        value.type, value.shape = ir.TensorType(spec.dtype), ir.Shape([None, spec.hidden_size])
    body = ir.Graph(
        inputs, outputs, nodes=inner.take(), name=builder.fresh(f"{spec.name}.body"), opset_imports={"": builder.opset}
    )
    order = int(task.direction.reverse)
    stacked: dict[str, Any] = {}
    if task.reads_y or task.taps:
        places = [spec.time_axis] * task.reads_y + [0] * len(task.taps)
        stacked = {"scan_output_axes": places, "scan_output_directions": [order] * len(places)}
    results = builder.ops(
        "Scan",
        *(value for _, value in _letters(task)),
        *scanned,
        outputs=len(outputs),
        hint=spec.name,
        body=body,
        num_scan_inputs=len(scanned),
        scan_input_axes=axes,
        scan_input_directions=[order] * len(scanned),
        **stacked,
    )
    states, rows = results[: len(before)], results[len(before) :]
    ys = builder.op("Unsqueeze", rows[0], builder.ints(spec.layout + 1)) if task.reads_y else None
    return Result(ys, Memory(*states), tuple(rows[int(task.reads_y) :]))


def _letters(task: Task) -> list[tuple[str, ir.Value]]:
    return list(zip("hc", task.memory.values, strict=False))


def _input(builder: GraphBuilder, hint: str, dtype: ir.DataType, width: int) -> ir.Value:
    """A body input (B, width); onnxruntime issue 27887: the CUDA Scan misjudges carry buffers of unknown shape."""
    return ir.Value(name=builder.fresh(hint), type=ir.TensorType(dtype), shape=ir.Shape([None, width]))


def _scalar(builder: GraphBuilder, hint: str) -> ir.Value:
    return ir.Value(name=builder.fresh(hint), type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape([]))


def _counter(builder: GraphBuilder, x: ir.Value, axis: int) -> ir.Value:
    """0, 1, ..., T-1 for x with T frames."""
    length = builder.op("Squeeze", builder.op("Shape", x, start=axis, end=axis + 1), builder.ints(0))
    zero, one = (builder.scalar(number, ir.DataType.INT64) for number in (0, 1))
    return builder.op("Range", zero, length, one)
