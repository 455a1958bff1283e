"""Streaming graph -> the recurrent loop written as asked, and the ports that the finished graph has.

native     ONNX RNN/GRU/LSTM operators; any number of frames a call
scan       ONNX Scan with the input projection hoisted out of the loop; any number of frames a call
unrolled   straight line over a fixed number of frames
step       the fewest frames a call; where that is one, without time and direction axes: 2-D matrices only
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

import onnx_ir as ir

from rnnedge_export.forms import lower
from rnnedge_export.forms.conv_to_gemm import convolve_taps
from rnnedge_export.graph.axes import move_time_axis, remove_unit_axes
from rnnedge_export.streaming import Lengths, Streaming
from rnnedge_runtime.contract import OPEN_FORMS, TIME, Contract, Port, State


@dataclass(frozen=True)
class Written:
    """A finished graph and its signature; `chunk` is None where a call takes any multiple of the hop."""

    streaming: Streaming
    form: str
    chunk: int | None
    model: ir.Model
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[State, ...]

    def contract(self, opset: int, lengths: Lengths) -> Contract:
        """The part of the contract that the graph itself determines."""
        return Contract(
            inputs=self.inputs,
            outputs=self.outputs,
            states=self.states,
            form=self.form,
            opset=opset,
            chunk=self.chunk,
            hop=self.streaming.hop,
            grain=lengths.grain,
            least=lengths.least,
            cursors=self.streaming.cursors,
        )


def write_form(streaming: Streaming, form: str, scanned: Collection[str] = ()) -> Written:
    """Write the loop as `form`, in place; a fixed number of frames is the streaming graph's hop.

    `scanned`: operators that the native form writes as Scan too.
    """
    model, only = streaming.model, streaming.recurrences
    if form in OPEN_FORMS:
        lower(model, "scan", only=[node for node in only if form == "scan" or node.op_type in scanned])
        return _time_major(streaming, form)
    chunk = streaming.hop
    _fix_time(model, chunk)
    lower(model, form, chunk=chunk, only=only, finals=streaming.finals)
    streaming = replace(streaming, states=convolve_taps(model, streaming.states))
    if form == "step" and chunk == 1:
        return _without_time(streaming)
    remove_unit_axes(model, {}, {})
    ports = [tuple(_fixed(p, chunk) for p in side) for side in (streaming.inputs, streaming.outputs)]
    return Written(streaming, form, chunk, model, ports[0], ports[1], streaming.states)


def _fixed(port: Port, chunk: int) -> Port:
    return replace(port, shape=tuple(port.clock.frames(chunk) if d == TIME else d for d in port.shape))


def _time_major(streaming: Streaming, form: str) -> Written:
    """Swap batch and time of batch-first ports where that saves transposes; the contract says which axis is which."""
    ports = [
        p for p in (*streaming.inputs, *streaming.outputs) if p.time_axis is not None and p.batch_axis < p.time_axis
    ]
    axes = {p.name: (p.batch_axis, p.time_axis) for p in ports if p.time_axis is not None}
    model, swapped = move_time_axis(streaming.model, axes)
    inputs, outputs = (
        tuple(_swapped(p) if p.name in swapped else p for p in side) for side in (streaming.inputs, streaming.outputs)
    )
    return Written(streaming, form, None, model, inputs, outputs, streaming.states)


def _swapped(port: Port) -> Port:
    shape = list(port.shape)
    assert port.time_axis is not None
    shape[port.batch_axis], shape[port.time_axis] = shape[port.time_axis], shape[port.batch_axis]
    return replace(port, shape=tuple(shape), batch_axis=port.time_axis, time_axis=port.batch_axis)


def _fix_time(model: ir.Model, frames: int) -> None:
    """Give every known shape the number that "time", "2*time" or "time/4" comes to for `frames` frames a call."""
    for graph in (model.graph, *model.graph.subgraphs()):
        for value in (*graph.inputs, *(output for node in graph for output in node.outputs)):
            if value.shape is not None:
                value.shape = ir.Shape(_in_numbers(d, frames) for d in value.shape)


def _in_numbers(dim: int | ir.SymbolicDim, frames: int) -> int | str | None:
    if isinstance(dim, int) or dim.value is None:
        return dim if isinstance(dim, int) else None
    found = re.fullmatch(r"(?:(\d+)\*)?time(?:/(\d+))?", dim.value)
    return frames * int(found[1] or 1) // int(found[2] or 1) if found else dim.value


def _without_time(streaming: Streaming) -> Written:
    """Drop the time axis of every per-frame port and the direction axis of native states."""
    model = streaming.model
    natives = {s.input: s for s in streaming.states if len(s.shape) == 3 and s.shape[0] == 1 and s.batch_axis == 1}
    inputs = {p.name: p.time_axis for p in streaming.inputs if p.time_axis is not None}
    outputs = {p.name: p.time_axis for p in streaming.outputs if p.time_axis is not None and _single(p)}
    remove_unit_axes(
        model,
        inputs={**inputs, **dict.fromkeys(natives, 0)},
        outputs={**outputs, **dict.fromkeys((s.output for s in natives.values()), 0)},
    )
    states = tuple(_without_direction(s) if s.input in natives else s for s in streaming.states)
    ports = [tuple(_frame_port(p) for p in side) for side in (streaming.inputs, streaming.outputs)]
    return Written(streaming, "step", 1, model, ports[0], ports[1], states)


def _single(port: Port) -> bool:
    return port.time_axis is not None and port.clock.frames(1) == 1


def _frame_port(port: Port) -> Port:
    if port.time_axis is None or not _single(port):
        return _fixed(port, 1)
    shape = tuple(d for i, d in enumerate(port.shape) if i != port.time_axis)
    return replace(port, shape=shape, time_axis=None, batch_axis=port.batch_axis - (port.batch_axis > port.time_axis))


def _without_direction(state: State) -> State:
    initial = state.initial
    return replace(
        state, shape=state.shape[1:], batch_axis=0, initial=initial if isinstance(initial, float) else initial[0]
    )
