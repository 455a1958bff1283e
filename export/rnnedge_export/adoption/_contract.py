"""What a file that streams already promises, read from how it was called; see `adopt`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import onnx_ir as ir

from rnnedge_export.capture.capture import OPSETS, fold, strip
from rnnedge_export.capture.constants import fold_constants, fold_lengths
from rnnedge_export.onnx_files._branches import choose_branches
from rnnedge_export.onnx_files._constants import opened
from rnnedge_export.onnx_files._dynamic_int8 import write_dynamic_int8
from rnnedge_export.onnx_files._fused import write_fused
from rnnedge_export.onnx_files._loops import loops_to_scans
from rnnedge_export.onnx_files._opsets import opset_of, with_opset
from rnnedge_export.onnx_files._stateful import StatefulFile
from rnnedge_export.onnx_files.quantized import in_float
from rnnedge_runtime.clock import EVERY_FRAME, Clock
from rnnedge_runtime.contract import TIME, Contract, Dim, Port, State

# The oldest opset that the runtime and the passes over an adopted file read as it is.
_OLDEST = 14


def contract_of(
    source: StatefulFile, frame_rate_hz: float | None, labels: tuple[str, ...], provenance: Mapping[str, str]
) -> tuple[ir.Model, Contract]:
    """The graph as it is streamed, and what it promises; every size of a chunk is a constant of it."""
    loop = source.loop
    batch: Dim = "batch" if source.batched else 1

    def dims(given: Sequence[int | str]) -> tuple[Dim, ...]:
        return tuple(batch if d == "batch" else d for d in given)

    opened(source.proto, {**{name: list(dims(found)) for name, found in source.frame_dims.items()},
                          **{name: list(dims(found)) for name, found in source.state_dims.items()}})  # fmt: skip
    proto = in_float(source.proto)
    readable = _OLDEST <= opset_of(proto) < OPSETS.stop
    model = ir.from_proto(proto if readable else with_opset(proto, OPSETS.start, source.name))
    write_fused(model)
    write_dynamic_int8(model)
    fold(model)
    fold_constants(model)
    if loop.chunk is not None:
        fold_lengths(model, [source.feeds(batch) for batch in ((1, 2, 3) if source.batched else (1,))])
        fold(model)
    choose_branches(model)
    if any(node.op_type == "Loop" for node in model.graph):
        loops_to_scans(model, source.feeds_of, loop.chunk and loop.chunk + loop.context, source.name)
        fold(model)
    for name in source.rows:
        _hand_on(model.graph, name, source.states[name])
    strip(model)
    states = [
        State(name, written, _numpy(model, name), dims(source.state_dims[name]),
              source.state_dims[name].index("batch"), source.rows.get(name, 0.0),
              context="required" if name in source.rows else "")
        for name, written in source.states.items()
    ]  # fmt: skip
    frames = TIME if loop.chunk is None else loop.chunk
    inputs = []
    for name, found in source.frame_dims.items():
        if loop.context:
            states.append(_with_context(model, source, name, dims(found)))
        shape = tuple(frames if i == loop.time_axis else d for i, d in enumerate(dims(found)))
        inputs.append(Port(name, _numpy(model, name), shape, loop.batch_axis, loop.time_axis))
    outputs = tuple(_output(source, name, batch) for name in source.output_names)
    _declare(model, outputs, states)
    form = "native" if loop.chunk is None else "step" if loop.chunk == 1 else "unrolled"
    contract = Contract(
        tuple(inputs), outputs, tuple(states), form, model.opset_imports[""], chunk=loop.chunk, hop=loop.chunk or 1,
        frame_rate_hz=frame_rate_hz, labels=labels, provenance=provenance,
    )  # fmt: skip
    return model, contract


def _hand_on(graph: ir.Graph, name: str, written: str) -> None:
    """The output of a context is its input as it is, whatever axes the file took off and put on."""
    given = next(value for value in graph.inputs if value.name == name)
    place, old = next((k, value) for k, value in enumerate(graph.outputs) if value.name == written)
    same = ir.Node("", "Identity", [given])
    old.name, same.outputs[0].name, same.outputs[0].type = f"{written}_before", written, given.type
    graph.append(same)
    graph.outputs[place] = same.outputs[0]


def _with_context(model: ir.Model, source: StatefulFile, frames: str, frame_dims: tuple[Dim, ...]) -> State:
    """Concat(context, frames) in front of every reader of the frames; the end of that is the next context."""
    loop, graph = source.loop, model.graph
    assert loop.chunk is not None and loop.time_axis is not None
    x = next(v for v in graph.inputs if v.name == frames)
    name = f"{frames}.context"
    shape = [loop.context if i == loop.time_axis else d for i, d in enumerate(frame_dims)]
    context = ir.Value(name=name, type=x.type, shape=ir.Shape(shape))
    joined = ir.Node("", "Concat", [context, x], [ir.AttrInt64("axis", loop.time_axis)])
    joined.outputs[0].name = f"{frames}_with_context"
    bounds = [
        ir.Value(name=f"{name}.{what}", const_value=ir.tensor([number], dtype=ir.DataType.INT64),
                 type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape([1]))
        for what, number in (("from", -loop.context), ("to", (1 << 63) - 1), ("axis", loop.time_axis))
    ]  # fmt: skip
    for bound in bounds:
        graph.register_initializer(bound)
    after = ir.Node("", "Slice", [joined.outputs[0], *bounds])
    after.outputs[0].name, after.outputs[0].type, after.outputs[0].shape = f"{name}_next", x.type, ir.Shape(shape)
    for reader, index in list(x.uses()):
        if reader is not joined:
            reader.replace_input_with(index, joined.outputs[0])
    for node in (after, joined):
        graph.insert_before(graph[0], node)
    graph.inputs.append(context)
    graph.outputs.append(after.outputs[0])
    x.shape = ir.Shape(loop.chunk if i == loop.time_axis else d for i, d in enumerate(frame_dims))
    return State(name, f"{name}_next", _numpy(model, name), tuple(shape), loop.batch_axis)


def _output(source: StatefulFile, name: str, batch: Dim) -> Port:
    loop = source.loop
    frames_in = loop.chunk or 4
    axis, frames = source.per_call(name, frames_in)
    found = source.call_zeros(frames_in)[name]
    at = loop.batch_axis if axis is not None else 0
    shape: list[Dim] = [batch if i == at else int(d) for i, d in enumerate(found.shape)]
    if axis is not None:
        shape[axis] = TIME if loop.chunk is None else frames
    clock = EVERY_FRAME
    if frames != frames_in:
        clock = Clock(Fraction(frames, frames_in), 0, ((1, frames_in - 1, frames_in), (frames, 0, 1)))
    return Port(name, str(found.dtype), tuple(shape), at, axis, True, clock)


def _declare(model: ir.Model, outputs: Sequence[Port], states: Sequence[State]) -> None:
    shapes = {port.name: (port.dtype, port.shape) for port in outputs}
    shapes |= {state.output: (state.dtype, state.shape) for state in states}
    for value in model.graph.outputs:
        dtype, shape = shapes[str(value.name)]
        value.type = ir.TensorType(ir.DataType.from_numpy(np.dtype(dtype)))
        value.shape = ir.Shape(shape)


def _numpy(model: ir.Model, name: str) -> str:
    value = next(v for v in model.graph.inputs if v.name == name)
    assert value.dtype is not None
    return str(value.dtype.numpy())
