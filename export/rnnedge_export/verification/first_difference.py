"""The first node whose value differs: the source, its captured graph and the file are run side by side.

1. The captured graph against the source. If it differs already, the first module is named whose value no node has.
2. Else the file, call by call, against the captured graph. The nodes of the two do not correspond: forms and fusions
   write other ones. So a value of the captured graph is looked for among all values of the file, in any layout and with
   any delay. The first node is named whose value is not there, and nothing of what is made of it either.

A value is close if it is within `share` of its own size, and `share` is the largest for which the outputs differ. In
fewer bits every value differs a little, and shares are larger: what rounding does everywhere is not named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from torch import nn

from rnnedge_export.capture import Captured
from rnnedge_export.graph.dependence import dependent
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.recordings import Recording
from rnnedge_export.reference import Reference
from rnnedge_export.verification.comparison import Worst
from rnnedge_export.verification.inner_values import Call, of_graph, of_modules, of_stream
from rnnedge_export.verification.runs_apart import ProcessEnded
from rnnedge_runtime.contract import Array, Contract

_MOST_FRAMES = 2048
_SHARES = (1e-2, 1e-3, 1e-4, 1e-5, 2e-6)
_SHARES_OF_FEWER_BITS = (0.3, 0.1, 0.03, *_SHARES)
_TRIED, _QUIET = 8, 1e-4
_MOVES = {"Cast", "Concat", "Expand", "Gather", "Identity", "Pad", "Reshape", "Slice", "Split", "Squeeze", "Transpose",
          "Unsqueeze"}  # fmt: skip

Layouts = tuple[Array, ...]
"""A value as (time, numbers), once for each axis that may be time; the numbers of a frame in order of size."""


@dataclass(frozen=True, eq=False)
class FirstDifference:
    """Looks for it. `captured` and `data` are asked for only then; `module` is the source, if it is one."""

    captured: Callable[[], Captured]
    data: Callable[[], bytes]
    contract: Contract
    module: nn.Module | None = None

    def __call__(self, reference: Reference, worst: Worst) -> str:
        """In words; "" if it cannot be told."""
        if worst.inputs is None:
            return ""
        try:
            return self._look(reference, worst.inputs)
        except ProcessEnded as error:
            return f"onnxruntime ended the process in which the first node that differs was looked for ({error})"
        # What explains a failure must not hide it.
        except Exception:
            return ""

    def of_recording(self, reference: Reference, recording: Recording) -> str:
        """The same of frames (time, ...) by input name, on which the file is too far from float32."""
        return self(reference, Worst(inputs={name: array[None] for name, array in recording.items()}))

    def of_file(self, data: bytes, contract: Contract) -> FirstDifference:
        """The same of another file of that source."""
        return replace(self, data=lambda: data, contract=contract)

    def _look(self, reference: Reference, inputs: Mapping[str, Array]) -> str:
        narrow = self.contract.precision != "float32"
        shares = _SHARES_OF_FEWER_BITS if narrow else _SHARES
        captured = self.captured()
        frames = _first_frames(inputs, reference.lengths)
        with of_modules(self.module or nn.Module()) as modules:
            outputs = {name: _layout(array, 1) for name, array in reference.raw(frames).items()}
        graph = captured.model.graph
        axes = captured.batch_axis, captured.time_axis
        values = of_graph(captured.model, {name: np.moveaxis(array, (0, 1), axes) for name, array in frames.items()})
        given = {v.name: _layouts(values[str(v.name)], _time_axes(v)) for v in graph.outputs}
        found = [layout for array in of_stream(self.data(), self.contract, frames) for layout in _calls(array)]
        for share in shares:
            if not all(_found(outputs[str(name)], given[name], share) for name in given if str(name) in outputs):
                return _first_module(modules, [_layouts(a) for a in values.values()], share)
            if not all(_found(layout, found, share) for layouts in given.values() for layout in layouts):
                return _first_node(captured, values, found, share, f" by more than {share:g} of it" if narrow else "")
        return "no node differs if the file is called frame by frame: it is the road"


def _first_module(calls: Iterable[Call], values: list[Layouts], share: float) -> str:
    """The first one after those that are found, in order of their end: what is inside ends first."""
    every = [layout for layouts in values for layout in layouts]
    parts = [(call, any(_found(layout, every, share) for layout in _layouts(call.value))) for call in calls]
    last = max((k for k, (_, found) in enumerate(parts) if found), default=-1)
    text = "the captured graph differs from the source"
    if last + 1 == len(parts):
        return text
    call, _ = parts[last + 1]
    return f"{text}, first in {repr(call.path) if call.path else 'its own forward'} ({call.operator})"


def _first_node(captured: Captured, values: Mapping[str, Array], found: list[Array], share: float, by: str) -> str:
    graph = captured.model.graph
    entered = dependent(graph)
    tested = {v: _layouts(values[str(v.name)], _time_axes(v)) for node in graph for v in node.outputs if v in entered}
    alive: set[ir.Value] = set()
    for node in list(graph)[::-1]:
        for value in node.outputs:
            used = any(out in alive for user, _ in value.uses() for out in user.outputs)
            if used or any(_found(layout, found, share) for layout in tested.get(value, ())):
                alive.add(value)
    apart = [node for node in graph if any(tested.get(v) and v not in alive for v in node.outputs)]
    computing = [node for node in apart if node.op_type not in _MOVES] or apart
    if not computing:
        return ""
    place = captured.places.get(computing[0].name or "")
    return f"first node whose value differs{by}: {computing[0].name!r} ({computing[0].op_type})" + (
        f" of {place!r}" if place else ""
    )


def _first_frames(inputs: Mapping[str, Array], lengths: Lengths) -> dict[str, Array]:
    """As many as are looked at, of a length that the source takes."""
    time = min(next(iter(inputs.values())).shape[1], max(_MOST_FRAMES, lengths.least))
    whole = lengths.at_least(time)
    whole -= lengths.grain * (whole > time)
    return {name: array[:, :whole] for name, array in inputs.items()}


def _time_axes(value: ir.Value) -> tuple[int, ...] | None:
    """The axes that grow with the sequence; None if no shape is known."""
    if value.shape is None:
        return None
    return tuple(i for i, d in enumerate(value.shape) if "time" in str(d))


def _layouts(array: Array, axes: tuple[int, ...] | None = None) -> Layouts:
    """With one of `axes` as time, any axis if those are not known; none of a value for pairs of frames."""
    if array.dtype.kind != "f" or not array.size:
        return ()
    if axes is None:
        axes = tuple(i for i, size in enumerate(array.shape) if size > 1)
    elif len(axes) > 1:
        return ()
    return tuple(_layout(array, axis) for axis in axes) or (_frames(array.reshape(1, -1)),)


def _calls(array: Array) -> Layouts:
    """Of (calls, ...): a frame a call, or an axis of frames in each."""
    if array.dtype.kind != "f" or not array.size:
        return ()
    single = _frames(array.reshape(len(array), -1))
    inner = [np.moveaxis(array, axis, 1) for axis in range(1, array.ndim) if array.shape[axis] > 1]
    return (single, *(_frames(a.reshape(a.shape[0] * a.shape[1], -1)) for a in inner))


def _layout(array: Array, axis: int) -> Array:
    moved = np.moveaxis(array, axis, 0)
    return _frames(moved.reshape(len(moved), -1))


def _frames(array: Array) -> Array:
    found: Array = np.sort(np.nan_to_num(array.astype(np.float64)), axis=1)
    return found


def _found(one: Array, every: Iterable[Array], share: float) -> bool:
    return any(_follows(one, other, share) for other in every)


def _follows(one: Array, other: Array, share: float) -> bool:
    """Whether the frames of `one` follow each other in `other`, after a delay or without the first of them."""
    if one.shape[1] != other.shape[1]:
        return False
    sizes = np.abs(one).max(axis=0)
    allowed = share * np.maximum(sizes, _QUIET * sizes.max(initial=0.0))
    loudest = int(np.abs(one).max(axis=1).argmax())
    apart = np.abs(other - one[loudest])
    close = np.flatnonzero((apart <= allowed).all(axis=1))
    nearest = close[np.argsort(apart[close].max(axis=1, initial=0.0), kind="stable")]
    for start in nearest[:_TRIED] - loudest:
        low, high = max(0, -start), min(len(one), len(other) - start)
        here = np.abs(one[low:high] - other[start + low : start + high]) <= allowed
        if 2 * (high - low) >= len(one) and here.all():
            return True
    return False
