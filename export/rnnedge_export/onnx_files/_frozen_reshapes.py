"""Reshapes to constant numbers, in which the batch or the length of the exporter's example is frozen.

1. The reshapes are taken in order; what leads to one runs for any batch and length by then, so its input is measured
   for the example's sizes, one sequence more, and other lengths.
2. Every axis of the input that varies is found again in the result: an axis of its size, with equal products of what
   stands before, between and after.
3. Else axes of both are matched in groups of equal products. A group in which something varies gets one open axis, the
   only one whose size then stays whole; batch and length that share an axis of the input become two again.
4. An open axis is "as before" (0) at its own place, the one left over (-1), or the size that stands elsewhere.

What cannot be matched stays as it is. Whether the opened file computes the same is for the proof to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, pairwise
from math import prod
from typing import Any

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.onnx_files._leading import run_leading
from rnnedge_export.streaming.facts import constant

Feeds = Callable[[int, int], Mapping[str, Any]]
"""(batch, time) -> inputs by name."""
_Sizes = tuple[int, ...]
_Opened = dict[int, int]
"""Axis of the result -> the axis of the input that has the same size, `_LENGTH` for the length of the sequence, or
`_OTHER`: whatever is left over."""
_OTHER, _LENGTH = -1, -2
_SAME = ("Transpose", "Identity", "Dropout", "Cast", "Relu", "Tanh", "Sigmoid", "Softmax", "LogSoftmax")
"""Operators that keep batch and length, as a reshape's result may pass in front of a recurrence."""


def open_reshapes(model: ir.Model, feeds: Feeds, batch: int, time: int, time_axis: int) -> None:
    """Open the reshapes of the main graph, in place; `batch` and `time` are the sizes of the exporter's example.

    `time_axis`: of the graph's first input.
    """
    builder = GraphBuilder(model)
    sizes = [(batch, time), (batch + 1, time), (batch, time + 1), (batch, time + 3)]
    for node in list(model.graph):
        target = _target(node)
        if target:
            seen = _measured(model, node, feeds, sizes)
            if seen is None:
                return
            result = _resolved(target, seen[0])
            apart = batch == 1 and _keeps_sequences(node.outputs[0])
            opened = None if result is None else _same(result, seen, apart) or _opened(result, seen, batch, time)
            if result is not None and opened and not _holds(target, result, opened, seen):
                _rewrite(node, result, opened, builder, (model.graph.inputs[0], time_axis))


def _target(node: ir.Node) -> list[int] | None:
    """The constant numbers that a reshape goes to."""
    if node.op_type != "Reshape" or node.attributes.get_int("allowzero", 0) == 1:
        return None
    array = constant(node.inputs[1])
    return None if array is None else [int(n) for n in array]


def _holds(target: list[int], result: list[int], opened: _Opened, seen: Sequence[_Sizes]) -> bool:
    """Whether the reshape gives every input of `seen` the open shape already."""
    for shape in seen:
        found = _resolved(target, shape)
        others = prod(n for axis, n in enumerate(result) if axis not in opened)
        if found is None or any(found[axis] != n for axis, n in enumerate(result) if axis not in opened):
            return False
        if len(opened) > 1 and any(found[axis] != shape[source] for axis, source in opened.items() if source >= 0):
            return False
        if _LENGTH in opened.values():
            return False
        if prod(found[axis] for axis in opened) * others != prod(shape):
            return False
    return True


def _measured(model: ir.Model, node: ir.Node, feeds: Feeds, sizes: Sequence[tuple[int, int]]) -> list[_Sizes] | None:
    """The shape of a reshape's input for several sizes; None where it does not run."""
    x = node.inputs[0]
    assert x is not None
    runs = run_leading(model, x, [], (feeds(*size) for size in sizes))
    return None if runs is None else [tuple(int(d) for d in shape) for (shape,) in runs]


def _resolved(target: list[int], first: _Sizes) -> list[int] | None:
    """The shape of the result at the example's sizes; None where the numbers do not fit them."""
    result = [first[i] if n == 0 and i < len(first) else n for i, n in enumerate(target)]
    if -1 in result:
        result[result.index(-1)] = prod(first) // max(1, -prod(result))
    return result if prod(result) == prod(first) else None


def _keeps_sequences(value: ir.Value) -> bool:
    """Whether a recurrence reads it, or it is a result: a unit in its shape is a batch then, and no feature."""
    readers = [reader for reader, _ in value.uses()]
    if value.is_graph_output() or any(reader.op_type in ("RNN", "GRU", "LSTM") for reader in readers):
        return True
    return any(reader.op_type in _SAME and _keeps_sequences(reader.outputs[0]) for reader in readers)


def _same(result: list[int], seen: Sequence[_Sizes], apart: bool) -> _Opened | None:
    """Case 2; not for a batch and a length in one axis that come `apart`."""
    first = seen[0]
    varying = [i for i in range(len(first)) if len({shape[i] for shape in seen}) > 1]
    if apart and 1 in result and any(_is_both(seen, [i]) for i in varying):
        return None
    for places in combinations(range(len(result)), len(varying)):
        if all(result[b] == first[a] for a, b in zip(varying, places, strict=True)):
            inner, outer = _between(first, varying), _between(result, places)
            if inner == outer:
                return dict(zip(places, varying, strict=True))
    return None


def _between(sizes: Sequence[int], places: Sequence[int]) -> list[int]:
    """The products of what stands before, between and after some axes."""
    bounds = [-1, *places, len(sizes)]
    return [prod(sizes[a + 1 : b]) for a, b in pairwise(bounds)]


def _opened(result: list[int], seen: Sequence[_Sizes], batch: int, time: int) -> _Opened | None:
    """Case 3; None where an axis cannot be matched."""
    opened: _Opened = {}
    for inside, outside in _with_units(_groups(seen[0], result), result, seen):
        wholes = [prod(shape[i] for i in inside) for shape in seen]
        if len(set(wholes)) == 1:
            continue
        if len(inside) == 1 and _is_both(seen, inside):
            sizes = [result[b] for b in outside]
            if batch == time or sizes.count(batch) != 1 or sizes.count(time) != 1:
                return None
            opened |= {outside[sizes.index(time)]: _LENGTH, outside[sizes.index(batch)]: _OTHER}
            continue
        axis = _place(inside, outside, result, seen)
        if axis is None:
            return None
        shares = [_share(shape, inside, outside, axis, result) for shape in seen]
        same = [i for i in inside if [shape[i] for shape in seen] == shares]
        opened[axis] = same[0] if same else _OTHER
    return opened


def _groups(first: Sequence[int], result: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Axes of both whose products are equal, as few as can be; units at the end join the last group."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(first) and j < len(result):
        inside, outside = [i], [j]
        i, j = i + 1, j + 1
        while prod(first[a] for a in inside) != prod(result[b] for b in outside):
            if prod(first[a] for a in inside) < prod(result[b] for b in outside):
                inside.append(i)
                i += 1
            else:
                outside.append(j)
                j += 1
        groups.append((inside, outside))
    if groups:
        groups[-1][0].extend(range(i, len(first)))
        groups[-1][1].extend(range(j, len(result)))
    return groups


def _with_units(
    groups: list[tuple[list[int], list[int]]], result: list[int], seen: Sequence[_Sizes]
) -> list[tuple[list[int], list[int]]]:
    """Case 3, for a batch of 1: a unit that varies belongs to the axes before it that vary, and not to features.

    So does a unit of the result, if what stands before it is a batch and a length in one.
    """
    varying = [len({shape[i] for shape in seen}) > 1 for i in range(len(seen[0]))]
    for (inside, outside), (after, placed) in pairwise(groups):
        units = next((k for k, i in enumerate(after) if seen[0][i] != 1), 0) if varying[inside[-1]] else 0
        while any(varying[i] for i in after[:units]):
            inside.append(after.pop(0))
            units -= 1
        if (
            _is_both(seen, inside)
            and len(inside) == 1
            and len(outside) == 1
            and len(placed) > 1
            and result[placed[0]] == 1
        ):
            outside.append(placed.pop(0))
    return groups


def _is_both(seen: Sequence[_Sizes], axes: list[int]) -> bool:
    """Whether batch and length are in the product of these axes."""
    one, more, longer = (prod(shape[i] for i in axes) for shape in seen[:3])
    return more != one != longer


def _place(inside: list[int], outside: list[int], result: list[int], seen: Sequence[_Sizes]) -> int | None:
    """Case 2: the axis of the result that can hold what varies in the group."""
    found = [b for b in outside if all(_share(shape, inside, outside, b, result) is not None for shape in seen)]
    # A unit next to the open axis could hold all of it as well; the size of the example tells them apart.
    varying = {shape[i] for i in inside for shape in seen[:1] if len({other[i] for other in seen}) > 1}
    exact = [b for b in found if result[b] in varying]
    found = exact[:1] or found
    return found[0] if len(found) == 1 else None


def _share(shape: _Sizes, inside: list[int], outside: list[int], axis: int, result: list[int]) -> int | None:
    """The size of `axis` of the result for an input of `shape`, the others of its group fixed."""
    others, whole = prod(result[b] for b in outside if b != axis), prod(shape[a] for a in inside)
    return None if not others or whole % others else whole // others


def _rewrite(
    node: ir.Node, result: list[int], opened: _Opened, builder: GraphBuilder, length: tuple[ir.Value, int]
) -> None:
    """Case 4; `length`: the graph's input, and its time axis."""
    pieces: list[ir.Value | int] = [0 if opened.get(axis) == axis else n for axis, n in enumerate(result)]
    others = sorted(
        (axis for axis, source in opened.items() if source != axis), key=lambda axis: opened[axis] != _OTHER
    )
    for axis in others:
        if axis == others[0]:
            pieces[axis] = -1
        elif opened[axis] == _OTHER:
            return
        else:
            value, at = length if opened[axis] == _LENGTH else (node.inputs[0], opened[axis])
            pieces[axis] = builder.op("Gather", builder.op("Shape", value), builder.ints(at), axis=0)
    parts = [builder.ints(piece) if isinstance(piece, int) else piece for piece in pieces]
    shape = builder.op("Concat", *parts, axis=0)
    assert node.graph is not None
    node.graph.insert_before(node, builder.take())
    node.replace_input_with(1, shape)
