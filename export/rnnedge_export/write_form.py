"""Streaming graph -> the recurrent loop written as asked, and the ports that the finished graph has.

native     ONNX RNN/GRU/LSTM operators; any number of frames a call
scan       ONNX Scan with the input projection hoisted out of the loop; any number of frames a call
unrolled   straight line over `chunk` frames
step       one frame a call, without time or direction axes: 2-D matrices only
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import onnx_ir as ir

from rnnedge_export.forms import drop_singleton, lower
from rnnedge_export.forms.time_major import time_major
from rnnedge_export.streaming import Streaming
from rnnedge_runtime.contract import TIME, Contract, Port, State


@dataclass(frozen=True)
class Written:
    """A finished graph and its signature."""

    model: ir.Model
    form: str
    chunk: int | None
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[State, ...]
    last_frame: str | None

    def contract(self, opset: int) -> Contract:
        """The part of the contract that the graph itself determines."""
        return Contract(
            inputs=self.inputs,
            outputs=self.outputs,
            states=self.states,
            form=self.form,
            opset=opset,
            chunk=self.chunk,
            last_frame=self.last_frame,
        )


def write_form(streaming: Streaming, form: str, chunk: int | None = None) -> Written:
    """Write the loop as `form`, in place; `chunk` is the number of frames of the unrolled form."""
    model, ports = streaming.model, (streaming.inputs, streaming.outputs)
    if form in ("native", "scan"):
        lower(model, form)
        return _time_major(streaming, form)
    if form == "step":
        _fix_time(model, 1)
        lower(model, form)
        return _without_time(streaming)
    assert chunk is not None
    last_frame = _as_input(streaming)
    _fix_time(model, chunk)
    lower(model, form, chunk=chunk, last_frame=last_frame)
    fixed = [tuple(replace(p, shape=tuple(chunk if d == TIME else d for d in p.shape)) for p in side) for side in ports]
    name = None if last_frame is None else last_frame.name
    return Written(model, form, chunk, fixed[0], fixed[1], streaming.states, name)


def _time_major(streaming: Streaming, form: str) -> Written:
    """Swap batch and time of batch-first ports where that saves transposes; the contract says which axis is which."""
    ports = [
        p for p in (*streaming.inputs, *streaming.outputs) if p.time_axis is not None and p.batch_axis < p.time_axis
    ]
    axes = {p.name: (p.batch_axis, p.time_axis) for p in ports if p.time_axis is not None}
    model, swapped = time_major(streaming.model, axes)
    inputs, outputs = (
        tuple(_swapped(p) if p.name in swapped else p for p in side) for side in (streaming.inputs, streaming.outputs)
    )
    return Written(model, form, None, inputs, outputs, streaming.states, None)


def _swapped(port: Port) -> Port:
    shape = list(port.shape)
    assert port.time_axis is not None
    shape[port.batch_axis], shape[port.time_axis] = shape[port.time_axis], shape[port.batch_axis]
    return replace(port, shape=tuple(shape), batch_axis=port.time_axis, time_axis=port.batch_axis)


def _fix_time(model: ir.Model, frames: int) -> None:
    """Give every known shape `frames` for "time"."""
    for graph in (model.graph, *model.graph.subgraphs()):
        for value in (*graph.inputs, *(output for node in graph for output in node.outputs)):
            if value.shape is not None and any(str(d) == TIME for d in value.shape):
                value.shape = ir.Shape(frames if str(d) == TIME else d for d in value.shape)


def _as_input(streaming: Streaming) -> ir.Value | None:
    """Make the index of the last frame an input, so that a chunk may be padded at the end of a sequence."""
    value = streaming.last_frame
    if value is None:
        return None
    graph = streaming.model.graph
    del graph.initializers[value.name or ""]
    value.const_value = None
    graph.inputs.append(value)
    return value


def _without_time(streaming: Streaming) -> Written:
    """Drop the time axis of every per-frame port and the direction axis of native states."""
    model = streaming.model
    natives = {s.input: s for s in streaming.states if len(s.shape) == 3 and s.shape[0] == 1 and s.batch_axis == 1}
    inputs = {p.name: p.time_axis for p in streaming.inputs if p.time_axis is not None}
    outputs = {p.name: p.time_axis for p in streaming.outputs if p.time_axis is not None}
    drop_singleton(
        model,
        inputs={**inputs, **dict.fromkeys(natives, 0)},
        outputs={**outputs, **dict.fromkeys((s.output for s in natives.values()), 0)},
    )
    states = tuple(_without_direction(s) if s.input in natives else s for s in streaming.states)
    ports = [tuple(_frame_port(p) for p in side) for side in (streaming.inputs, streaming.outputs)]
    return Written(model, "step", 1, ports[0], ports[1], states, None)


def _frame_port(port: Port) -> Port:
    if port.time_axis is None:
        return port
    shape = tuple(d for i, d in enumerate(port.shape) if i != port.time_axis)
    return replace(port, shape=shape, time_axis=None, batch_axis=port.batch_axis - (port.batch_axis > port.time_axis))


def _without_direction(state: State) -> State:
    initial = state.initial
    return replace(
        state, shape=state.shape[1:], batch_axis=0, initial=initial if isinstance(initial, float) else initial[0]
    )
