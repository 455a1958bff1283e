"""Inner values of a run: of a captured graph over a whole sequence, of a streaming file call by call, of modules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx
import onnx_ir as ir
from torch import Tensor, nn

from rnnedge_export.verification.runs_apart import Carried, run_apart
from rnnedge_runtime.contract import Array, Contract, Cursor, Port
from rnnedge_runtime.state_buffers import shape_of

Frames = Mapping[str, Array]


def of_graph(model: ir.Model, frames: Frames) -> dict[str, Array]:
    """Every value of `model` for whole sequences in its own axis order, by name. Raises as `run_apart` does."""
    names = [str(value.name) for node in model.graph for value in node.outputs if value.name]
    wanted = {str(value.name) for value in model.graph.inputs}
    feeds = {name: array[None] for name, array in frames.items() if name in wanted}
    found = run_apart(_showing(ir.to_proto(model), names), feeds, 1)
    return {name: array[0] for name, array in zip(names, found, strict=True)}


def of_stream(data: bytes, contract: Contract, frames: Frames) -> list[Array]:
    """Every value of the file for `frames` (1, time, ...), with its end: (calls, ...), calls of the least length.

    Raises as `run_apart` does.
    """
    proto = onnx.load_from_string(data)
    names = [name for node in proto.graph.node for name in node.output if name]
    batch, unit = contract.batch or 1, contract.unit
    length = next(iter(frames.values())).shape[1]
    total = contract.whole_length(length)
    calls: dict[str, list[Array]] = defaultdict(list)
    starts = range(0, contract.complete_after(0, total), unit)
    for fed in starts:
        for port in contract.inputs:
            calls[port.name].append(_call(frames[port.name], port, fed, unit, batch))
        end = None if fed + unit <= length else total
        for cursor in contract.cursors:
            calls[cursor.name].append(_cursor(cursor, unit, fed, end))
    carried = [
        Carried(s.input, s.output, np.broadcast_to(s.initial, shape_of(s.shape, batch, 1)).astype(s.dtype), s.warmup)
        for s in contract.states
    ]
    stacked = {name: np.stack(parts) for name, parts in calls.items()}
    return run_apart(_showing(proto, names), stacked, len(starts), carried)


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a module inside of another: its `path`, the first tensor that it was `given`, and that it gave."""

    path: str
    operator: str
    given: Array | None
    value: Array


@contextmanager
def of_modules(module: nn.Module) -> Iterator[list[Call]]:
    """Every call of a module inside `module` meanwhile, in the order in which they end."""
    found: list[Call] = []

    def keep(path: str, part: nn.Module, given: object, result: object) -> None:
        value = _first_tensor(result)
        if value is not None:
            found.append(Call(path, type(part).__name__, _first_tensor(given), value))

    hooks = [part.register_forward_hook(partial(keep, path)) for path, part in module.named_modules()]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _first_tensor(given: object) -> Array | None:
    first = given[0] if isinstance(given, (tuple, list)) and given else given
    return first.detach().numpy().copy() if isinstance(first, Tensor) else None


def _showing(proto: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    return proto


def _call(frames: Array, port: Port, fed: int, unit: int, batch: int) -> Array:
    """The frames of one call in the graph's axis order; zeros after the end."""
    part = frames[:, fed : fed + unit].repeat(batch, 0)
    missing = unit - part.shape[1]
    part = np.pad(part, [(0, missing if axis == 1 else 0) for axis in range(part.ndim)])
    if port.time_axis is None:
        return np.ascontiguousarray(np.moveaxis(part[:, 0], 0, port.batch_axis))
    return np.ascontiguousarray(np.moveaxis(part, (0, 1), (port.batch_axis, port.time_axis)))


def _cursor(cursor: Cursor, unit: int, fed: int, total: int | None) -> Array:
    """As a stream sets it: `Binding.place` of the runtime."""
    clock = cursor.clock
    count, start = clock.frames(unit), clock.frames(fed) - clock.delay
    end = start + count if total is None else clock.valid(total)
    if cursor.kind == "last":
        return np.array(min(max(end - 1 - start, 0), count - 1), np.int64)
    index = np.arange(start, start + count)
    return (index >= 0) & (index < end)
