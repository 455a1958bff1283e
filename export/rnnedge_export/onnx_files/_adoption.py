"""How a file with states of its own is called, as an adoption was asked for, and as its contract remembers it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import onnx
import torch

from rnnedge_export.capture.example import Example
from rnnedge_export.onnx_files._calls import Loop
from rnnedge_export.onnx_files._constants import declared_shape, note_of, with_constants
from rnnedge_export.onnx_files._frame_dtypes import with_wide_frames
from rnnedge_export.onnx_files._stateful import StatefulFile
from rnnedge_export.onnx_files._unit_batch import states_without_batch, with_unit_batch
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import ModelRefused

NOTE = "adopted"
"""The key of the contract's provenance under which the calling is kept."""
_SEED, _NUMBERS = 0, 13
_ANY = (0, 100)
"""Whole numbers to try where any is taken: such as every kind of integer has."""
_TRIED = 6
"""Calls for which a fixed number of frames is compared with any number."""


@dataclass(frozen=True)
class Calling:
    """What `rnnedge adopt` was told: `states` by input, the axes, the frames of a call, values of constant inputs.

    `batch_axis`: None for a file without one, which gets a batch of 1 in front. `per_sequence`: contexts.
    """

    states: Mapping[str, str]
    time_axis: int | None
    batch_axis: int | None
    chunk: int | None
    context: int
    constants: Mapping[str, Any]
    per_sequence: Sequence[str] = ()

    def note(self) -> str:
        """As text for the contract's provenance."""
        return json.dumps({**asdict(replace(self, constants={})), "constants": note_of(self.constants)})


def calling_of(contract: Contract) -> Calling | None:
    """How the file was called when it was adopted; None for one that was not, and for what `note` has not written."""
    try:
        said = Calling(**{"per_sequence": [], **json.loads(contract.provenance[NOTE])})
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    numbers = (said.time_axis, said.batch_axis, said.chunk, said.context)
    fits = all(number is None or type(number) is int for number in numbers) and said.context is not None
    named = isinstance(said.states, dict) and all(isinstance(name, str) for name in said.states.values())
    values = isinstance(said.per_sequence, list) and all(isinstance(name, str) for name in said.per_sequence)
    return said if fits and named and values and isinstance(said.constants, dict) else None


def open_stateful(name: str, proto: onnx.ModelProto, calling: Calling) -> StatefulFile:
    """The file called so. One that declares its number of frames is called with that, if it takes no other.

    Raises `ModelRefused` where it does not run so.
    """
    proto = with_constants(proto, calling.constants, name)
    proto, calling = _with_results(proto, calling)
    proto, calling = _with_contexts(proto, calling, name)
    frames = [port.name for port in proto.graph.input if port.name not in calling.states]
    proto = with_wide_frames(proto, frames)
    alone = states_without_batch(proto, calling.states)
    given_back = [calling.states[state] for state in alone]
    if calling.batch_axis is None:
        results = [port.name for port in proto.graph.output if port.name not in calling.states.values()]
        alone, given_back = [*alone, *frames], [*given_back, *results]
        time = None if calling.time_axis is None else calling.time_axis + 1
        calling = replace(calling, batch_axis=0, time_axis=time)
    if alone:
        proto = with_unit_batch(proto, {*alone, *given_back})
    asked = Loop(
        calling.chunk, calling.context, calling.batch_axis or 0, calling.time_axis, tuple(calling.per_sequence)
    )
    if calling.time_axis is None:
        return StatefulFile(name, proto, calling.states, replace(asked, chunk=1))
    declared = _declared(proto, calling)
    if calling.chunk is not None or declared is None or declared <= calling.context:
        if calling.context and calling.chunk is None:
            raise ModelRefused(f"{name}: context: expected a chunk too; give the frames of a call")
        return StatefulFile(name, proto, calling.states, asked)
    fixed = StatefulFile(name, _copy(proto), calling.states, replace(asked, chunk=declared - calling.context))
    if calling.context:
        return fixed
    try:
        free = StatefulFile(name, proto, calling.states, asked)
    except ModelRefused:
        return fixed
    return free if _equal(free, fixed) else fixed


def _with_results(proto: onnx.ModelProto, calling: Calling) -> tuple[onnx.ModelProto, Calling]:
    """A file all of whose outputs are states gives them as results too: a cell, x and h -> h."""
    outputs = list(proto.graph.output)
    if not calling.states or any(port.name not in calling.states.values() for port in outputs):
        return proto, calling
    copied = _copy(proto)
    for port in outputs:
        after = copied.graph.output.add()
        after.CopyFrom(port)
        after.name = _given_on(port.name)
        copied.graph.node.append(onnx.helper.make_node("Identity", [port.name], [after.name]))
    return copied, replace(calling, states={read: _given_on(name) for read, name in calling.states.items()})


def _with_contexts(proto: onnx.ModelProto, calling: Calling, name: str) -> tuple[onnx.ModelProto, Calling]:
    """A context is a state that the file gives back as it is."""
    if not calling.per_sequence:
        return proto, calling
    copied = _copy(proto)
    left = {port.name: port for port in copied.graph.input if port.name not in calling.states}
    for one in calling.per_sequence:
        if one not in left:
            others = ", ".join(left) or "none"
            raise ModelRefused(f"{name}: per_sequence: {one!r}: expected an input that is no state, of {others}")
        after = copied.graph.output.add()
        after.CopyFrom(left[one])
        after.name = _given_on(one)
        copied.graph.node.append(onnx.helper.make_node("Identity", [one], [after.name]))
    given = {one: _given_on(one) for one in calling.per_sequence}
    return copied, replace(calling, states={**calling.states, **given})


def _given_on(name: str) -> str:
    return f"{name}_given_on"


def example_of(source: StatefulFile, contract: Contract | None = None) -> Example:
    """Frames of the kind that it takes; whole numbers of the ranges of `contract`, else zeros."""
    batch, time = source.loop.batch_axis, source.loop.time_axis
    ranges = {} if contract is None else {port.name: port.range or _ANY for port in contract.inputs}
    tensors, rng = [], np.random.default_rng(_SEED)
    for name in source.input_names:
        shape = source.shape(name, 2, 2)
        if time is None:
            shape.insert(1, 2)
        elif source.loop.chunk is not None:
            shape[time] = 2
        low, high = ranges.get(name, (0, 0)) if source.dtypes[name].kind in "iu" else (0, 0)
        numbers = [0, low, high, *rng.integers(low, high, _NUMBERS, endpoint=True)]
        tensors.append(torch.from_numpy(np.resize(numbers, shape).astype(source.dtypes[name])))
    example = Example(tuple(tensors), 0 if time is None else batch, 1 if time is None else time)
    return example if contract is None or _takes(source, example) else example_of(source)


def _takes(source: StatefulFile, example: Example) -> bool:
    try:
        source(*example.tensors)
    # Whatever onnxruntime raises for numbers that the file does not take.
    except Exception:
        return False
    return True


def _declared(proto: onnx.ModelProto, calling: Calling) -> int | None:
    """The number of frames that the file's input declares."""
    port = next((port for port in proto.graph.input if port.name not in calling.states), None)
    dims = [] if port is None else declared_shape(port)
    return dims[calling.time_axis] if calling.time_axis is not None and calling.time_axis < len(dims) else None


def _copy(proto: onnx.ModelProto) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    return copied


def in_one_call(free: StatefulFile) -> bool:
    """Whether one long call gives what calls of one frame give: the states are those that carry it."""
    one = StatefulFile(free.name, _copy(free.proto), free.states, replace(free.loop, chunk=1))
    return _equal(free, one)


def _equal(free: StatefulFile, fixed: StatefulFile) -> bool:
    """Whether one long call gives what calls of a fixed number of frames give."""
    assert fixed.loop.chunk is not None
    rng = np.random.default_rng(0)
    inputs = example_of(free).resized(1, _TRIED * fixed.loop.chunk)
    x = [torch.from_numpy(rng.standard_normal(one.shape).astype(one.numpy().dtype)) for one in inputs]
    try:
        pairs = list(zip(free(*x), fixed(*x), strict=True))
    # onnxruntime has a type of its own for every way to fail.
    except Exception:
        return False
    return all(a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-4) for a, b in pairs)
