"""The inputs of a file for whole sequences: each brings frames, or a value per sequence.

1. Frames: what declares the same batch and time as the first input.
2. A context: what has a batch in front, or on the axis of that name, and sizes behind it; a speaker, a language.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from rnnedge_export.onnx_files._constants import declared_shape
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused

_KINDS: dict[int, str] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.INT32: "int32",
    onnx.TensorProto.INT16: "int16",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.DOUBLE: "float64",
}
# What a stream takes in their place: the types that a contract has for frames.
_TAKEN = {"int16": "int32", "int8": "int32", "uint8": "int32", "float16": "float32", "float64": "float32"}


# Of a context without its batch, and one more.
_MOST_AXES = 4


@dataclass(frozen=True)
class FramePort:
    """An input as the file declares it: `dims` has None where an axis has no size."""

    name: str
    dtype: str
    dims: tuple[int | None, ...]
    batch_axis: int
    time_axis: int
    single: bool = False
    """The file has no batch axis: `dims` and the axes are those of a batch in front of what it declares."""
    context: bool = False
    """A value per sequence: it has no time axis."""

    @property
    def taken(self) -> str:
        """The dtype of the stream's frames: it holds every value of the file's, except those of float64."""
        return taken(self.dtype)

    def frames(self, batch: int, time: int, rng: np.random.Generator) -> Array:
        """Random numbers, or tokens 0 and 1, in the axis order of the file; of a context, one for each sequence."""
        sizes = {self.batch_axis: batch} if self.context else {self.batch_axis: batch, self.time_axis: time}
        shape = [sizes.get(i, int(d or 1)) for i, d in enumerate(self.dims)]
        if np.dtype(self.dtype).kind in "iu":
            return rng.integers(0, 2, shape).astype(self.taken)
        return rng.standard_normal(shape, np.float32).astype(self.dtype).astype(self.taken)


def taken(dtype: str) -> str:
    """The dtype of a stream's frames for frames of `dtype` in a file."""
    return _TAKEN.get(dtype, dtype)


def frame_ports(
    graph: onnx.GraphProto,
    input_name: str | None,
    time_axis: int,
    batch_axis: int | None,
    name: str,
    contexts: Collection[str] = (),
) -> tuple[FramePort, ...]:
    """The inputs of `graph`, the one called `input_name` first, contexts last; `name` is the file's, for messages.

    `batch_axis`: None for a file that has none. `contexts`: inputs that are case 2 although their sizes are of case 1.

    Raises `ModelRefused` for an input that is neither.
    """
    weights = {value.name for value in graph.initializer}
    ports = [port for port in graph.input if port.name not in weights]
    names = ", ".join(port.name for port in ports) or "none"
    first = next((port for port in ports if input_name in (None, port.name)), None)
    if not ports:
        raise ModelRefused(f"{name}: expected an input that brings frames, found none")
    if first is None:
        raise ModelRefused(f"{name}: has no input {input_name!r}; it has {names}")
    unknown = sorted(set(contexts) - {port.name for port in ports if port is not first})
    if unknown:
        raise ModelRefused(
            f"{name}: context: {unknown[0]!r} is no input next to the frames {first.name!r}; it has {names}"
        )
    frames, others = [_port(first, time_axis, batch_axis, name)], []
    axes = (time_axis,) if batch_axis is None else (time_axis, batch_axis)
    for port in ports:
        if port is first:
            continue
        state = port.name not in contexts and _looks_like_a_state(graph, port, time_axis)
        if port.name not in contexts and _alike(first, port, axes) and not state:
            frames.append(_port(port, time_axis, batch_axis, name))
            continue
        axis = _batch_of(port, first, batch_axis)
        if axis is None or state:
            raise ModelRefused(
                f"{name}: expected one input, or several that share batch and time, or have a batch and else sizes, "
                f"found {names}; give one that stays the same a value with --constant name=@file.npy; if the others "
                "are states that it takes and gives back, use 'rnnedge adopt'"
            )
        others.append(_context(port, axis, batch_axis is None))
    return (*frames, *others)


def _batch_of(port: onnx.ValueInfoProto, first: onnx.ValueInfoProto, batch_axis: int | None) -> int | None:
    """Where the batch of a context is, in a batch in front if the file has none; None for what is no context."""
    dims, shape = declared_shape(port), shown(port)
    if port.type.tensor_type.elem_type not in _KINDS or len(dims) > _MOST_AXES:
        return None
    if batch_axis is None:
        return 0 if all(dims) else None
    called = shown(first)[batch_axis]
    named = [i for i, dim in enumerate(shape) if dim == called and isinstance(dim, str) and dim != "?"]
    free = [i for i, dim in enumerate(dims) if dim is None]
    axis = next(iter(named or free), 0)
    fits = bool(dims) and (dims[axis] in (None, 1) or dims[axis] == declared_shape(first)[batch_axis])
    return axis if fits and all(dim for i, dim in enumerate(dims) if i != axis) else None


def _context(port: onnx.ValueInfoProto, axis: int, single: bool) -> FramePort:
    dims = tuple(declared_shape(port))
    dtype = _KINDS[port.type.tensor_type.elem_type]
    return FramePort(port.name, dtype, (1, *dims) if single else dims, axis, -1, single, context=True)


def _alike(first: onnx.ValueInfoProto, other: onnx.ValueInfoProto, axes: Sequence[int]) -> bool:
    """Whether both declare the same sizes for batch and time: the same numbers or names, or none."""
    shapes = [shown(port) for port in (first, other)]
    return len(shapes[1]) > max(axes) and all(shapes[0][axis] == shapes[1][axis] for axis in axes)


def _looks_like_a_state(graph: onnx.GraphProto, port: onnx.ValueInfoProto, time_axis: int) -> bool:
    """Whether an output of the same type and shape may give it back, and no open axis says that it is a sequence."""
    kind, shape = port.type.tensor_type.elem_type, shown(port)
    given_back = any(v.type.tensor_type.elem_type == kind and shown(v) == shape for v in graph.output)
    return given_back and (len(shape) <= time_axis or isinstance(shape[time_axis], int))


def _port(port: onnx.ValueInfoProto, time_axis: int, batch_axis: int | None, name: str) -> FramePort:
    kind = port.type.tensor_type
    if kind.elem_type not in _KINDS:
        dtype = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
        raise ModelRefused(f"{name}: {port.name!r}: expected floats or integers, found {dtype}")
    dims = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
    if batch_axis == time_axis or max(batch_axis or 0, time_axis) >= len(dims):
        raise ModelRefused(
            f"{name}: {port.name!r}: expected batch on axis {batch_axis} and time on axis {time_axis}, found "
            f"shape {shown(port)}; give --time-axis and --batch-axis"
        )
    for i, dim in enumerate(dims):
        if dim is None and i not in (batch_axis, time_axis):
            raise ModelRefused(f"{name}: {port.name!r}: axis {i} of {shown(port)} has no size; give it one")
    if batch_axis is None:
        return FramePort(port.name, _KINDS[kind.elem_type], (1, *dims), 0, time_axis + 1, single=True)
    return FramePort(port.name, _KINDS[kind.elem_type], dims, batch_axis, time_axis)


def shown(port: Any) -> list[int | str]:
    """The shape that an input declares: numbers, names, and "?"."""
    dims = port.type.tensor_type.shape.dim
    return [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in dims]
