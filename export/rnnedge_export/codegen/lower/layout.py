"""Operators that move numbers: they rearrange offsets while the code is written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnedge_export.codegen._ir.ring_buffers import Ring
from rnnedge_export.codegen._ir.statements import GatherRows
from rnnedge_export.codegen._ir.tensors import FLOAT, INT, NOTHING, Array, Index, Tensor, View, permuted, plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._picked import picked
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable


@rule("Transpose", integers=True)
def transpose(scope: SymbolTable, node: Node) -> Result:
    """Axes in another order."""
    order = node.attribute("perm")
    return [scope.input(node, 0).rearranged(lambda index: index.transpose(order))]


@rule("Squeeze", integers=True)
def squeeze(scope: SymbolTable, node: Node) -> Result:
    """Axes of length 1 taken away."""
    axes = tuple(int(a) for a in scope.array(node, 1, "axes")) if node.has(1) else None
    return [scope.input(node, 0).rearranged(lambda index: index.squeeze(axes))]


@rule("Unsqueeze", integers=True)
def unsqueeze(scope: SymbolTable, node: Node) -> Result:
    """Axes of length 1 put in."""
    axes = tuple(int(a) for a in np.atleast_1d(scope.array(node, 1, "axes")))
    return [scope.input(node, 0).rearranged(lambda index: np.expand_dims(index, axes))]


@rule("Flatten", integers=True)
def flatten(scope: SymbolTable, node: Node) -> Result:
    """All axes in two."""
    value, axis = scope.input(node, 0), node.attribute("axis", 1)
    rows = int(np.prod(value.shape[:axis], dtype=np.int64))
    return [value.rearranged(lambda index: index.reshape(rows, -1))]


@rule("Reshape", integers=True)
def reshape(scope: SymbolTable, node: Node) -> Result:
    """The same numbers in order; 0 keeps a length."""
    keeps = not node.attribute("allowzero", 0)
    asked = scope.array(node, 1, "shape")
    value = scope.input(node, 0)
    sizes = [value.shape[k] if size == 0 and keeps else int(size) for k, size in enumerate(asked)]
    return [value.rearranged(lambda index: index.reshape(sizes))]


@rule("Expand", integers=True)
def expand(scope: SymbolTable, node: Node) -> Result:
    """Broadcast to a shape, both ways."""
    value = scope.input(node, 0)
    shape = np.broadcast_shapes(value.shape, tuple(int(d) for d in scope.array(node, 1, "shape")))
    return [value.rearranged(lambda index: np.broadcast_to(index, shape))]


@rule("Tile", integers=True)
def tile(scope: SymbolTable, node: Node) -> Result:
    """Repeated along every axis."""
    times = scope.array(node, 1, "repeats")
    return [scope.input(node, 0).rearranged(lambda index: np.tile(index, times))]


@rule("Slice", integers=True)
def slice_(scope: SymbolTable, node: Node) -> Result:
    """A range of every axis, of any step."""
    value = scope.input(node, 0)
    starts, ends = (scope.array(node, k, "bounds") for k in (1, 2))
    axes = scope.array(node, 3, "axes") if node.has(3) else np.arange(len(starts))
    steps = scope.array(node, 4, "steps") if node.has(4) else np.ones(len(starts), np.int64)
    ranges = [slice(None)] * len(value.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        length = value.shape[axis]
        # ONNX Slice: a negative number counts from the end; then both are clamped to the axis.
        low, high = (0, length) if step > 0 else (-1, length - 1)
        begin = min(max(start + length if start < 0 else start, 0), high)
        stop = min(max(end + length if end < 0 else end, low), length)
        ranges[int(axis)] = slice(int(begin), None if stop < 0 else int(stop), int(step))
    return [value.rearranged(lambda index: index[tuple(ranges)])]


@rule("Split", integers=True)
def split(scope: SymbolTable, node: Node) -> Result:
    """Pieces along an axis, equal ones where no lengths are given, the last one shorter."""
    value, axis, count = scope.input(node, 0), node.attribute("axis", 0), len(node.outputs)
    node.only("num_outputs", count)
    if node.has(1):
        lengths = [int(length) for length in scope.array(node, 1, "lengths")]
    else:
        length = -(-value.shape[axis] // count)
        lengths = [length] * (count - 1) + [value.shape[axis] - length * (count - 1)]
    places = np.cumsum(lengths)[:-1]

    def piece(k: int) -> Tensor:
        return value.rearranged(lambda index: np.split(index, places, axis)[k])

    return [piece(k) for k in range(count)]


@rule("Gather", integers=True)
def gather(scope: SymbolTable, node: Node) -> Result:
    """Constant places; or what stands along an axis by computed numbers, such as rows of an embedding."""
    axis, places = node.attribute("axis", 0), scope.known(node.inputs[1])
    value = scope.input(node, 0)
    axis %= len(value.shape)
    if places is not None:
        return [value.rearranged(lambda index: np.take(index, places, axis))]
    if scope.input(node, 1).kind != INT or not value.shape[axis]:
        node.refuse("computed places: expected whole numbers, and at least one row to choose from")
    table, program = scope.known(node.inputs[0]), scope.program
    if table is not None and axis == 0 and table.dtype.kind == "f":
        source, shape = program.weights.floats(table), table.shape
    elif value.kind == FLOAT:
        rows = program.materialized(value.rearranged(lambda index: np.moveaxis(index, axis, 0)), packed=True)
        if rows.index.flat[0]:
            rows = program.materialized(plain(rows), packed=True, fresh=True)
        source, shape = rows.buffer, rows.index.shape
    else:
        return [_each(scope, value, axis, scope.input(node, 1))]
    numbers = program.materialized(scope.input(node, 1), packed=True)
    target = program.new((*numbers.index.shape, *shape[1:]))
    first, width = int(numbers.index.flat[0]), int(np.prod(shape[1:]))
    program.refuses = True
    program.emit(GatherRows(numbers.buffer, first, int(numbers.index.size), source, shape[0], width, target.buffer))
    across = range(numbers.index.ndim)
    return [plain(target).rearranged(lambda index: np.moveaxis(index, across, [axis + k for k in across]))]


def _each(scope: SymbolTable, value: Tensor, axis: int, places: Tensor) -> Tensor:
    """What stands along an axis by computed numbers, element by element."""
    before, after = value.shape[:axis], value.shape[axis + 1 :]
    apart = (*[1] * axis, *places.shape, *[1] * len(after))
    numbers = places.rearranged(lambda index: np.broadcast_to(index.reshape(apart), (*before, *places.shape, *after)))
    across = tuple(range(axis, axis + len(places.shape)))
    return picked(scope.program, value, axis, numbers, lambda index: np.expand_dims(np.take(index, 0, axis), across))


@rule("Concat", integers=True)
def concat(scope: SymbolTable, node: Node) -> Result:
    """One after the other along an axis."""
    axis = node.attribute("axis")
    parts = [scope.input(node, k) for k in range(len(node.inputs))]
    parts = [part for part in parts if 0 not in part.shape] or parts[:1]
    if len(parts) == 1:
        return [parts[0]]
    axis %= len(parts[0].shape)
    ring = scope.rings.get(node.inputs[0])
    if ring is not None:
        return [_pushed(scope, node, ring, parts[1:])]
    joined = _neighbours(parts, axis)
    if joined is not None:
        return [plain(joined)]
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    first = next((part.view for part in parts if part.view is not None), None)
    order = permuted(first.index) if first is not None else None
    target = scope.program.new(tuple(shape), parts[0].kind, order)
    start = 0
    for part in parts:
        places = np.arange(start, start + part.shape[axis])
        scope.program.store(part, View(target.buffer, np.take(target.index, places, axis)))
        start += part.shape[axis]
    return [plain(target)]


def _pushed(scope: SymbolTable, node: Node, ring: Ring, parts: list[Tensor]) -> Tensor:
    """New frames written into both halves of a ring; the window stands in one piece."""
    if sum(part.shape[ring.axis] for part in parts) != ring.fresh:
        node.refuse("a cache that does not move by as many frames as are new")
    start = 0
    for part in parts:
        places = np.arange(start, start + part.shape[ring.axis])
        here = View(ring.window.buffer, np.take(ring.window.index, ring.length + places, ring.axis))
        scope.program.store(part, here)
        scope.program.store(plain(here), View(ring.mirror.buffer, np.take(ring.mirror.index, places, ring.axis)))
        start += len(places)
    return plain(ring.window)


def _neighbours(parts: list[Tensor], axis: int) -> View | None:
    """Parts of one buffer need no copy: the join is an index, too."""
    views = [part.view for part in parts]
    known = [view for view in views if view is not None]
    if len(known) != len(views) or len({id(view.buffer) for view in known}) != 1:
        return None
    return View(known[0].buffer, np.concatenate([view.index for view in known], axis))


@rule("Pad", integers=True)
def pad(scope: SymbolTable, node: Node) -> Result:
    """Zeros around, or what `mode` takes from within."""
    node.only("mode", "constant", "reflect", "edge", "wrap")
    mode = node.attribute("mode", "constant")
    value = scope.input(node, 0)
    if mode == "constant" and node.has(2) and float(scope.array(node, 2, "value")) != 0:
        node.refuse(f"value {float(scope.array(node, 2, 'value'))}: expected 0")
    amounts = scope.array(node, 1, "pads")
    axes = scope.array(node, 3, "axes") if node.has(3) else np.arange(len(value.shape))
    widths = [(0, 0)] * len(value.shape)
    for k, axis in enumerate(axes):
        widths[int(axis)] = (int(amounts[k]), int(amounts[k + len(axes)]))
    if min(min(width) for width in widths) < 0:
        node.refuse("negative pads: expected a Slice")
    if mode != "constant":
        return [value.rearranged(lambda index: np.pad(index, widths, mode=mode))]
    return [_or_zero(scope, value, lambda index: np.pad(index, widths, constant_values=NOTHING))]


@rule("Trilu", integers=True)
def triangle(scope: SymbolTable, node: Node) -> Result:
    """The upper or the lower triangle of matrices, from a constant diagonal on; zeros elsewhere."""
    value, upper = scope.input(node, 0), node.attribute("upper", 1)
    diagonal = int(scope.array(node, 1, "diagonal").item()) if node.has(1) else 0
    rows, columns = value.shape[-2:]
    # One beyond a corner is all or nothing.
    diagonal = min(max(diagonal, -rows), columns)
    ones = np.ones((rows, columns), bool)
    kept = np.triu(ones, diagonal) if upper else np.tril(ones, diagonal)
    return [_or_zero(scope, value, lambda index: np.where(kept, index, NOTHING))]


def _or_zero(scope: SymbolTable, value: Tensor, move: Callable[[Index], Array]) -> Tensor:
    """The tensor whose elements are those that `move` picks, and zeros where it says `NOTHING`."""
    source = value.view or scope.program.materialized(value)
    return plain(View(source.buffer, np.asarray(move(source.index), np.int64)))
