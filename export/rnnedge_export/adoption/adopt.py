"""A contract for an ONNX file that streams already, with states that it takes and gives back.

1. The states are named by the caller, input and output; they start from zeros.
2. Inputs that never change (a sampling rate) become constants, and what follows from them is computed once.
3. A file that wants the end of the last call in front of the next one (a context) gets it as one more state.
4. The oracle is the file itself, called in a loop over each sequence alone, as its author's wrapper does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from rnnedge_export.arguments import (
    checked_axis,
    checked_constants,
    checked_frames,
    checked_labels,
    checked_pairs,
    checked_progress,
    checked_rate,
    checked_time_axis,
)
from rnnedge_export.capture.capture import OPSETS, fold, strip
from rnnedge_export.capture.constants import fold_constants, fold_lengths
from rnnedge_export.defects import defects_told
from rnnedge_export.graph.lengths import ANY_LENGTH
from rnnedge_export.onnx_files._adoption import NOTE, Calling, example_of, open_stateful
from rnnedge_export.onnx_files._constants import declared_shape, opened
from rnnedge_export.onnx_files._dynamic_int8 import write_dynamic_int8
from rnnedge_export.onnx_files._fused import write_fused
from rnnedge_export.onnx_files._opsets import opset_of, with_opset
from rnnedge_export.onnx_files._stateful import StatefulFile
from rnnedge_export.onnx_files.read_file import read_file
from rnnedge_export.onnx_files.time_axis import TimeAxis
from rnnedge_export.publish import check_written, publish
from rnnedge_export.recordings import read_recordings
from rnnedge_export.reference import Reference
from rnnedge_export.report import Report, packages
from rnnedge_export.stamp import stamp
from rnnedge_export.verification import Effort, check_against, frames_in_words, golden_of, proven_on, require
from rnnedge_export.verification.number_ranges import with_ranges
from rnnedge_runtime.arguments import file_path, instance
from rnnedge_runtime.atomic import check_writable
from rnnedge_runtime.clock import EVERY_FRAME, Clock
from rnnedge_runtime.contract import TIME, Contract, Dim, Port, State
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.loader import load_bytes

# The oldest opset that the runtime and the passes over an adopted file read as it is.
_OLDEST = 14


def adopt(
    file: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    states: Mapping[str, str] | None = None,
    time_axis: str | int | None = 1,
    batch_axis: int | None = None,
    chunk: int | None = None,
    context: int = 0,
    constants: Mapping[str, Any] | None = None,
    frame_rate_hz: float | None = None,
    labels: Sequence[str] = (),
    trust: str | None = None,
    progress: Callable[[str], None] | None = None,
    effort: Effort | None = None,
    sample: object = None,
) -> Report:
    """Stamp a contract onto a file with states of its own, so that the runtime streams it, and prove it.

    `states`: name of a state's input -> name of the output that gives it back; none for a file that takes a window of
    frames. `time_axis`: 1, "input:1", or None where a call takes one frame (batch, features) and has no axis for it.
    `chunk`: frames a call takes; None for any number, or for the one that the file declares if it takes no other.
    `context`: frames of the call before that each call wants in front of its own; zeros at first. `constants`: values
    of inputs that never change, numbers or arrays. `trust`: "local" for a file that you would run as a program; any
    other one is at most 64 MiB and has its weights in itself. `effort`: how hard the file is proven. `sample`:
    recordings of your own that it is proven on, too, as for `export`; the contract says which.

    Raises `ModelRefused` where the file does not run so, `VerificationError` where its stream is not what it computes.
    """
    say = checked_progress(progress)
    file, path = file_path(file, "adopt: file"), file_path(path, "adopt: path")
    states, values = checked_pairs({} if states is None else states), checked_constants(constants)
    axis = None if time_axis is None else TimeAxis.parse(checked_time_axis(time_axis)).axis
    batch_axis = None if batch_axis is None else checked_axis(batch_axis, "batch_axis")
    chunk = None if chunk is None else checked_frames(chunk, "chunk")
    context = checked_frames(context, "context", 0)
    labels, frame_rate_hz = checked_labels(labels), checked_rate(frame_rate_hz)
    effort = Effort() if effort is None else instance(effort, "adopt: effort", Effort, ModelRefused)
    check_writable(path)
    with defects_told(Path(file).name):
        say("read")
        digest, proto = read_file(file, trust)
        if axis is None and (chunk or 1) != 1:
            raise ModelRefused(f"{file}: chunk: without a time axis a call takes 1 frame, found {chunk}")
        calling = Calling(states, axis, int(axis == 0) if batch_axis is None else batch_axis, chunk, context, values)
        source, calling = _open(file, proto, calling, may_be_single=batch_axis is None)
        say("stamp")
        model, contract = _contract(source, frame_rate_hz, tuple(labels), {
            "source": Path(file).name, "source_sha256": digest, NOTE: calling.note(), **packages()
        })  # fmt: skip
        reference = Reference(source, example_of(source), ANY_LENGTH, contract.unit)
        contract = with_ranges(contract, reference)
        reference = Reference(source, example_of(source, contract), ANY_LENGTH, contract.unit)
        samples = [] if sample is None else read_recordings(sample, contract, "sample")
        said = proven_on(effort, "float32", frames_in_words(contract, recorded=False), samples)
        provenance = {**contract.provenance, "proven_on": said}
        contract = replace(contract, golden=golden_of(reference, contract.unit), provenance=provenance)
        data = stamp(model, contract)
        loaded = load_bytes(data, os.fspath(path), trust="local")
        say("verify")
        verification = check_against(loaded, reference, say, effort, samples=samples)
        require(verification, os.fspath(path))
        target, digest = publish(path, data, contract)
        check_written(target, verification.digest)
        return Report(target, digest, len(data), contract, verification)


def _open(file: str, proto: onnx.ModelProto, calling: Calling, *, may_be_single: bool) -> tuple[StatefulFile, Calling]:
    """The file with its batch axis, else without one, and how it is called then."""
    single = replace(calling, batch_axis=None)
    if not may_be_single:
        return open_stateful(file, proto, calling), calling
    ways = [single, calling] if _has_no_room(proto, calling) else [calling, single]
    refusals = []
    for way in ways:
        try:
            return open_stateful(file, proto, way), way
        except ModelRefused as refusal:
            refusals.append(refusal)
    raise refusals[ways.index(calling)]


def _has_no_room(proto: onnx.ModelProto, calling: Calling) -> bool:
    """Whether a batch would have to stand where the file declares features: the only axis besides time, of a size."""
    weights = {value.name for value in proto.graph.initializer} | {*calling.constants, *calling.states}
    dims = next((declared_shape(port) for port in proto.graph.input if port.name not in weights), [])
    rest = [dim for axis, dim in enumerate(dims) if axis != calling.time_axis]
    return len(rest) == 1 and (rest[0] or 0) > 1


def _contract(
    source: StatefulFile, frame_rate_hz: float | None, labels: tuple[str, ...], provenance: Mapping[str, str]
) -> tuple[ir.Model, Contract]:
    loop = source.loop
    batch: Dim = "batch" if source.batched else 1

    def dims(given: Sequence[int | str]) -> tuple[Dim, ...]:
        return tuple(batch if d == "batch" else d for d in given)

    opened(source.proto, {**{name: list(dims(found)) for name, found in source.frame_dims.items()},
                          **{name: list(dims(found)) for name, found in source.state_dims.items()}})  # fmt: skip
    readable = _OLDEST <= opset_of(source.proto) < OPSETS.stop
    model = ir.from_proto(source.proto if readable else with_opset(source.proto, OPSETS.start, source.name))
    write_fused(model)
    write_dynamic_int8(model)
    fold(model)
    fold_constants(model)
    if loop.chunk is not None:
        fold_lengths(model, [source.feeds(batch) for batch in ((1, 2, 3) if source.batched else (1,))])
        fold(model)
    strip(model)
    states = [
        State(name, written, _numpy(model, name), dims(source.state_dims[name]),
              source.state_dims[name].index("batch"))
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
