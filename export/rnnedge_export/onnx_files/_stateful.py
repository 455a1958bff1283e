"""A file with states of its own: which input carries frames, and where the batch stands in frames and states."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from typing import Any

import numpy as np
import onnx
import torch

from rnnedge_export.graph.cpu_session import session
from rnnedge_export.onnx_files._calls import Loop, assignments
from rnnedge_export.onnx_files._constants import declared_shape, dtype_of, opened
from rnnedge_export.onnx_files._dynamic_int8 import ranges_over_calls
from rnnedge_export.onnx_files._failures import failure
from rnnedge_export.onnx_files._ports import shown
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused


class StatefulFile:
    """A file called in a loop over a whole sequence, each sequence by itself: the oracle of an adoption."""

    def __init__(self, name: str, proto: onnx.ModelProto, states: Mapping[str, str], loop: Loop) -> None:
        """`states`: input -> output. Raises `ModelRefused` where the ports do not fit together."""
        self.name, self.proto, self.states, self.loop = name, proto, dict(states), loop
        self.input_names = self._frames_ports()
        self.output_names = tuple(v.name for v in proto.graph.output if v.name not in states.values())
        self.dtypes = {name: dtype_of(self._port(name)) for name in self.input_names}
        self.frame_dims = {name: self._dims_of_frames(self._port(name)) for name in self.input_names}
        # Of contexts, some sequences.
        self.rows: dict[str, Array] = {}
        self.state_dims, self.batched = self._dims_of_states()
        rng, usual = np.random.default_rng(0), self.initial(1)
        for name in loop.per_sequence:
            numbers: Array = np.asarray(rng.standard_normal(usual[name].shape))
            self.rows[name] = (numbers if usual[name].dtype.kind == "f" else 0 * numbers).astype(usual[name].dtype)

    def initial(self, batch: int, first: int = 0) -> dict[str, Array]:
        """Zero states for `batch` sequences, and contexts of those from `first` on, then again."""
        found: dict[str, Array] = {}
        for name, dims in self.state_dims.items():
            shape = [int(batch if d == "batch" else d) for d in dims]
            found[name] = np.zeros(shape, dtype_of(self._port(name)))
        for name, rows in self.rows.items():
            axis = self.state_dims[name].index("batch")
            found[name] = rows.take((first + np.arange(batch)) % rows.shape[axis], axis)
        return found

    def with_context(self, rows: Mapping[str, torch.Tensor]) -> StatefulFile:
        """The same with other contexts, as many sequences as there are, then again."""
        other = copy.copy(self)
        other.rows = {**self.rows, **{name: row.numpy() for name, row in rows.items()}}
        return other

    def call(self, frames: Mapping[str, Array], states: Mapping[str, Array]) -> dict[str, Array]:
        """One call of the file itself: every output by name."""
        names = [v.name for v in self.proto.graph.output]
        return dict(zip(names, self._session.run(names, {**frames, **states}), strict=True))

    def feeds(self, batch: int) -> dict[str, Array]:
        """Every input of a first call, zeros."""
        return {**self._zeros(batch, self.loop.chunk or 4), **self.initial(batch)}

    def feeds_of(self, frames: int) -> dict[str, Array]:
        """The same for a call of `frames`, context included."""
        batch = 2 if self.batched else 1
        return {**self._zeros(batch, frames - self.loop.context), **self.initial(batch)}

    def call_zeros(self, frames: int) -> dict[str, Array]:
        """A first call of `frames` zeros for one sequence."""
        return self.call(self._zeros(1, frames), self.initial(1))

    def __call__(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Whole sequences (in the file's axis order, with a time axis) -> outputs (batch, calls or frames, ...)."""
        whole = [np.moveaxis(x.numpy(), self._axes(), (0, 1)) for x in inputs]
        each = [self._sequence([x[index : index + 1] for x in whole], index) for index in range(len(whole[0]))]
        return tuple(torch.from_numpy(np.concatenate([one[name] for one in each])) for name in self.output_names)

    def per_call(self, name: str, frames: int) -> tuple[int | None, int]:
        """(time axis, frames) of an output for a call of `frames`; the axis is None where a call gives one frame."""
        found = self.call_zeros(frames)[name].shape
        axis = self.loop.time_axis
        if self.loop.chunk is None:
            assert axis is not None
            return axis, found[axis]
        if axis is not None and len(found) == len(self.frame_dims[self.input_names[0]]) and found[axis] in (1, frames):
            return axis, found[axis]
        return None, 1

    def _sequence(self, whole: Sequence[Array], number: int) -> dict[str, Array]:
        """Sequence `number` of a batch, each input (1, time, ...), in calls, the last of them filled up with zeros."""
        loop, total = self.loop, whole[0].shape[1]
        chunk = loop.chunk or total
        whole = [np.concatenate([x, np.zeros((1, -total % chunk, *x.shape[2:]), x.dtype)], 1) for x in whole]
        before = [np.zeros((1, loop.context, *x.shape[2:]), x.dtype) for x in whole]
        states, parts = self.initial(1, number), []
        for start in range(0, whole[0].shape[1], chunk):
            frames = [np.concatenate([b, x[:, start : start + chunk]], 1) for b, x in zip(before, whole, strict=True)]
            before = [x[:, x.shape[1] - loop.context :] for x in frames]
            given = {name: self._as_given(x) for name, x in zip(self.input_names, frames, strict=True)}
            found = self.call(given, states)
            states = {name: found[self.states[name]] for name in states}
            parts.append(found)
        joined = {}
        for name in self.output_names:
            axis, frames_out = self.per_call(name, chunk)
            pieces = [part[name] if axis is not None else part[name][:, None] for part in parts]
            pieces = [np.moveaxis(piece, (self._batch(axis), 1 if axis is None else axis), (0, 1)) for piece in pieces]
            joined[name] = np.concatenate(pieces, 1)
            if frames_out == chunk:
                joined[name] = joined[name][:, :total]
        return joined

    def _as_given(self, x: Array) -> Array:
        """Frames (1, time, ...) in the axis order of the file."""
        x = x[:, 0] if self.loop.time_axis is None else x
        return np.ascontiguousarray(np.moveaxis(x, *self._back()).astype(x.dtype, copy=False))

    def _axes(self) -> tuple[int, int]:
        """Batch and time in what the oracle is given: without a time axis in the file, it stands after the batch."""
        loop = self.loop
        return (loop.batch_axis, loop.time_axis) if loop.time_axis is not None else (0, 1)

    def _back(self) -> tuple[Any, Any]:
        loop = self.loop
        return ((0, 1), (loop.batch_axis, loop.time_axis)) if loop.time_axis is not None else (0, loop.batch_axis)

    def _batch(self, axis: int | None) -> int:
        return self.loop.batch_axis if axis is not None else 0

    def shape(self, name: str, batch: int, frames: int) -> list[int]:
        """Of an input for a call."""
        numbers = {"batch": batch, "time": frames}
        return [d if isinstance(d, int) else numbers[d] for d in self.frame_dims[name]]

    def _zeros(self, batch: int, frames: int) -> dict[str, Array]:
        total = frames + self.loop.context
        return {name: np.zeros(self.shape(name, batch, total), self.dtypes[name]) for name in self.input_names}

    def _port(self, name: str) -> onnx.ValueInfoProto:
        return next(port for port in self.proto.graph.input if port.name == name)  # type: ignore[no-any-return]

    def _frames_ports(self) -> tuple[str, ...]:
        """The inputs that are left; several bring frames if they declare the same batch and time."""
        inputs = [port.name for port in self.proto.graph.input]
        outputs = [port.name for port in self.proto.graph.output]
        for read, written in self.states.items():
            if read not in inputs or written not in outputs:
                raise ModelRefused(
                    f"{self.name}: state {read}:{written}: expected an input and an output, found inputs "
                    f"{', '.join(inputs)} and outputs {', '.join(outputs)}"
                )
        left = tuple(name for name in inputs if name not in self.states)
        if not left or not all(self._brings_frames(name, left[0]) for name in left):
            raise ModelRefused(
                f"{self.name}: expected one input for frames, or several that share batch and time, found "
                f"{', '.join(left) or 'none'}; name states with --state in:out and give constant inputs a value with "
                "--constant name=value"
            )
        return left

    def _brings_frames(self, name: str, first: str) -> bool:
        """Whether an input is declared like the first one, and no output could give it back as a state."""
        axes = [axis for axis in (self.loop.batch_axis, self.loop.time_axis) if axis is not None]
        port, shapes = self._port(name), [shown(self._port(one)) for one in (first, name)]
        if name == first:
            return True
        free = [v for v in self.proto.graph.output if v.name not in self.states.values()]
        kind = port.type.tensor_type
        given_back = any(v.type.tensor_type.elem_type == kind.elem_type and shown(v) == shapes[1] for v in free)
        return not given_back and len(shapes[1]) > max(axes) and all(shapes[0][a] == shapes[1][a] for a in axes)

    def _dims_of_frames(self, port: onnx.ValueInfoProto) -> list[int | str]:
        loop = self.loop
        dims = declared_shape(port)
        for what, axis in (("batch", loop.batch_axis), ("time", loop.time_axis)):
            if axis is not None and axis >= len(dims):
                raise ModelRefused(f"{self.name}: {port.name!r}: has no axis {axis} for {what}; its shape is {dims}")
        found: list[int | str] = []
        for i, dim in enumerate(dims):
            if i == loop.batch_axis:
                found.append("batch")
            elif i == loop.time_axis:
                found.append("time" if loop.chunk is None else loop.chunk + loop.context)
            elif isinstance(dim, int):
                found.append(dim)
            else:
                raise ModelRefused(f"{self.name}: {port.name!r}: axis {i} of {dims} has no size; give it one")
        return found

    def _dims_of_states(self) -> tuple[dict[str, list[int | str]], bool]:
        """The batch of a state is its open axis, or one of size 1 with which two sequences run."""
        declared = {name: declared_shape(self._port(name)) for name in self.states}
        choices = []
        for name, dims in declared.items():
            open_axes = [i for i, d in enumerate(dims) if not isinstance(d, int)]
            if len(open_axes) > 1:
                raise ModelRefused(f"{self.name}: state {name!r}: more than one axis of {dims} has no size")
            choices.append(open_axes or [i for i, d in enumerate(dims) if d == 1])
        for batch, axes in chain(zip(repeat(2), assignments(choices)), [(1, [c[0] for c in choices if c])]):
            if len(axes) < len(choices):
                continue
            chosen: dict[str, list[int | str]] = {
                name: ["batch" if i == axis else d or 1 for i, d in enumerate(dims)]
                for (name, dims), axis in zip(declared.items(), axes, strict=True)
            }
            if self._runs(chosen, batch):
                return chosen, batch > 1
        raise ModelRefused(
            f"{self.name}: does not run from zero states of shapes {declared} and give them back; check --state, "
            "--time-axis, --chunk and --context"
        )

    def _runs(self, state_dims: dict[str, list[int | str]], batch: int) -> bool:
        """Whether the file takes `batch` sequences, and gives each what it gets alone."""
        if batch > 1 and ranges_over_calls(self.proto):
            return False
        self.state_dims = state_dims
        opened(self.proto, {**self.frame_dims, **state_dims})
        try:
            self._session = session(self.proto)
        # onnxruntime has a type of its own for every way to refuse a graph.
        except Exception as error:
            raise ModelRefused(f"{self.name}: onnxruntime refuses it: {failure(error)}") from error
        frames = self.loop.context + (self.loop.chunk or 4)
        rng = np.random.default_rng(1)
        x = {name: rng.standard_normal(self.shape(name, batch, frames)).astype(self.dtypes[name])
             for name in self.input_names}  # fmt: skip
        try:
            given = self.initial(batch)
            together = self.call(x, given)
            if any(together[self.states[name]].shape != value.shape for name, value in given.items()):
                return False
            if batch == 1:
                return True
            axis = self.loop.batch_axis
            alone = self.call({name: frames.take([1], axis) for name, frames in x.items()}, self.initial(1))
        # onnxruntime has a type of its own for every way to fail.
        except Exception:
            return False
        for name, output in together.items():
            states = {written: dims for read, dims in state_dims.items() for written in [self.states[read]]}
            at = states[name].index("batch") if name in states else axis if output.ndim > axis else 0
            if output.shape[at] != 2 or not np.allclose(output.take([1], at), alone[name], atol=1e-4):
                return False
        return True
