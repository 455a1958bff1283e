"""Numbers that a module computes from lengths, and that are the same whatever the length is.

1. A cut to the length of another value, x[:n] or x[-n:], is a cut by a number of frames before and after; one that
   leaves the last frame, x[n - 1 :], is x[-1:].
2. The numbers of a padding, a repetition, a shape or a split are constants.
3. A frame that is taken by its number, x[n - 1], is x[-1]; with its axis, x[[n - 1]], it is x[-1:].

Numbers that change with the length stay as they are, for the rule that meets them.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, replace
from rnnedge_export.graph.length_values import LengthValues
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.graph.symbolic_dims import size
from rnnedge_export.streaming.facts import constant, dims, integers
from rnnedge_runtime.contract import Array

_END = (1 << 63) - 1
# The inputs that hold numbers.
_NUMBERS = {"Expand": 1, "Pad": 1, "Split": 1, "Tile": 1}
_BATCHES = (2, 3)


def fix_numbers(model: ir.Model, builder: GraphBuilder, lengths: Lengths) -> None:
    """All cases, in place."""
    values = LengthValues(model)
    for node in list(model.graph):
        if node.op_type == "Slice":
            _cut_by_number(node, builder, values, lengths)
        elif node.op_type == "Gather":
            _from_the_end(node, builder, values, lengths)
        elif (index := _NUMBERS.get(node.op_type)) is not None and index < len(node.inputs):
            value = node.inputs[index]
            found = None if value is None or constant(value) is not None else _always(value, values, lengths)
            if found is not None:
                node.replace_input_with(index, builder.const(found, "numbers"))


def _always(value: ir.Value, values: LengthValues, lengths: Lengths) -> Array | None:
    first = None
    for batch in _BATCHES:
        for time in lengths.samples:
            found = values.at(value, batch, time)
            if found is None or (first is not None and not np.array_equal(found, first)):
                return None
            first = found
    return first


def cuts(bounds: tuple[int, int], length: int) -> tuple[int, int]:
    """What x[start:end] takes off `length` frames, before and after."""
    start, end, _ = slice(*bounds).indices(length)
    return start, length - max(start, end)


def _cut_by_number(node: ir.Node, builder: GraphBuilder, values: LengthValues, lengths: Lengths) -> None:
    """Case 1, along one axis."""
    value, out = node.inputs[0], node.outputs[0]
    starts, ends, axes = (integers(node, index) for index in (1, 2, 3))
    steps = integers(node, 4) if len(node.inputs) > 4 and node.inputs[4] is not None else [1]
    if axes is None or len(axes) != 1 or steps != [1] or (starts is not None and ends is not None):
        return
    found = _parts(node, dims(value)[axes[0]], values, lengths)
    if len({(front, behind) for front, _, behind in found}) != 1:
        last = {(kept, behind) for _, kept, behind in found}
        if len(last) == 1 and found[0][1] and not found[0][2]:
            node.replace_input_with(1, builder.ints(-found[0][1]))
            node.replace_input_with(2, builder.ints(_END))
        return
    front, _, behind = found[0]
    if not front and not behind and not out.is_graph_output():
        replace(node, builder, [value])
        return
    node.replace_input_with(1, builder.ints(front))
    node.replace_input_with(2, builder.ints(-behind if behind else _END))


def _from_the_end(node: ir.Node, builder: GraphBuilder, values: LengthValues, lengths: Lengths) -> None:
    """Case 3, of one frame."""
    value, index = node.inputs[:2]
    if value is None or index is None or value.shape is None or index.shape is None or index.shape.rank() > 1:
        return
    axis = node.attributes.get_int("axis", 0) % len(value.shape)
    length, fixed = dims(value)[axis], constant(index)
    if isinstance(length, int) or (fixed is not None and (fixed.size != 1 or fixed.min() >= 0)):
        return
    places = {_before_the_end(index, length, values, time) for time in lengths.samples}
    if len(places) != 1 or (place := places.pop()) is None:
        return
    if index.shape.rank() == 0:
        node.replace_input_with(1, builder.const(np.array(place, np.int64)))
    elif place == -1:
        builder.place = node.name or node.op_type
        replace(node, builder, [builder.op("Slice", value, *map(builder.ints, (-1, _END, axis)))])


def _before_the_end(index: ir.Value, length: int | str, values: LengthValues, time: int) -> int | None:
    """Below 0, as Python counts from the end."""
    place, whole = _number(index, values, time), size(length, _BATCHES[0], time)
    return None if place is None or whole is None else place if place < 0 else place - whole


def _parts(node: ir.Node, before: int | str, values: LengthValues, lengths: Lengths) -> list[tuple[int, int, int]]:
    """Frames cut before, kept, and cut after, for each length; none where they cannot be told."""
    found = []
    for time in lengths.samples:
        length = size(before, _BATCHES[0], time)
        start, end = (_number(node.inputs[index], values, time) for index in (1, 2))
        if length is None or start is None or end is None:
            return []
        front, behind = cuts((start, end), max(0, length))
        found.append((front, max(0, length) - front - behind, behind))
    return found


def _number(value: ir.Value | None, values: LengthValues, time: int) -> int | None:
    found = None if value is None else values.at(value, _BATCHES[0], time)
    return None if found is None or found.size != 1 else int(found.reshape(-1)[0])
