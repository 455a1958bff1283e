"""Constants that are repeated for every frame: they broadcast over time, until an operator joins frames.

1. `Expand`, `ConstantOfShape` and `Tile` to the length of the sequence make a value of one frame, and what is computed
   of it frame by frame has one frame too.
2. A recurrence, a window, a running total, padding, or what is joined along time makes of equal frames other ones: it
   gets as many frames as the call brings.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from rnnedge_export.graph.builder import replace as replace_node
from rnnedge_export.graph.symbolic_dims import grows
from rnnedge_export.streaming import _reshape as reshape
from rnnedge_export.streaming import recurrent
from rnnedge_export.streaming._caches import insert, per_call
from rnnedge_export.streaming._cumulative import of_length
from rnnedge_export.streaming.facts import Fact, Facts, axes_of, dims, rank
from rnnedge_runtime.contract import Dim

_JOINING = {
    "AveragePool", "Conv", "ConvTranspose", "CumSum", "GRU", "LSTM", "LpPool", "MaxPool", "Pad", "RNN", "Scan",
}  # fmt: skip

_MOVING = {"Gather", "Reshape", "Shape", "Transpose"}
_CONVOLUTIONS = {"AveragePool", "Conv", "ConvTranspose", "LpPool", "MaxPool"}


def with_frames(node: ir.Node, facts: Facts) -> None:
    """Case 2, in place."""
    for index, value in enumerate(node.inputs):
        if value is not None and value in facts.as_long and _joins(node, facts.as_long[value][0]):
            node.replace_input_with(index, _repeated(node, value, facts))


def _joins(node: ir.Node, axis: int) -> bool:
    if node.domain:
        return False
    along = node.op_type == "Concat" and axis == node.attributes.get_int("axis", 0) % rank(node.outputs[0])
    return along or node.op_type in _JOINING


def _repeated(node: ir.Node, value: ir.Value, facts: Facts) -> ir.Value:
    axis, length = facts.as_long[value]
    value = _for_each_sequence(node, value, facts)
    source = of_length(length, facts) if any(grows(d, "batch") for d in dims(value)) else None
    if source is None:
        facts.refuse(node, "it joins constants that are as many as there are frames", "compute them from the input")
    fact = facts.known[source]
    assert fact.axis is not None
    if facts.chunk is None:
        count = insert(node, facts, "Shape", source, start=fact.axis, end=fact.axis + 1)
    else:
        count = facts.builder.ints(per_call(node, fact, facts))
    sizes = [count if i == axis else facts.builder.ints(1) for i in range(len(dims(value)))]
    out = insert(node, facts, "Expand", value, insert(node, facts, "Concat", *sizes, axis=0), like=value)
    out.shape = ir.Shape(length if i == axis else d for i, d in enumerate(dims(value)))
    facts.known[out], facts.names[out] = Fact(axis, fact.clock), facts.name_of(value)
    return out


def _for_each_sequence(node: ir.Node, value: ir.Value, facts: Facts) -> ir.Value:
    """A constant without a batch, such as the squares of a window to be added up, which a state keeps per sequence."""
    if node.op_type not in _CONVOLUTIONS or dims(value)[0] != 1 or dims(node.outputs[0])[0] != 1:
        return value
    wanted = ("batch", *dims(value)[1:])
    out = insert(node, facts, "Expand", value, reshape.shape_value(node, wanted, facts), like=value)
    out.shape = ir.Shape(wanted)
    _has_batch(node)
    facts.names[out] = facts.name_of(value)
    return out


def _has_batch(node: ir.Node) -> None:
    """What is made of such a constant has the batch in front, until it meets something that has it."""
    for out in node.outputs:
        if out.shape is not None and len(out.shape) > 0 and out.shape[0] == 1:
            out.shape = ir.Shape(("batch", *dims(out)[1:]))
            for reader, _ in out.uses():
                if reader.op_type not in _MOVING and rank(reader.outputs[0]) == len(out.shape):
                    _has_batch(reader)


def _note(value: ir.Value, shape: Sequence[Dim], facts: Facts) -> None:
    """That it is as long as the sequence."""
    axes = [i for i, d in enumerate(shape) if grows(d, "time")]
    if axes:
        facts.as_long[value] = axes[0], shape[axes[0]]


def without_time(node: ir.Node, facts: Facts) -> None:
    """A constant that is repeated over time, or made for every frame, is one that broadcasts over it.

    A zero state for frames in the batch has only uses that leave it out, so an axis of time and batch stays as it is.
    """
    after = dims(node.outputs[0])
    if any(grows(d, "time") and grows(d, "batch") for d in after):
        facts.lengths.update(node.outputs)
        return
    if node.op_type == "Tile":
        node = _as_expand(node, facts)
    wanted = tuple(1 if grows(d, "time") else d for d in after)
    shape_value = reshape.shape_value(node, wanted, facts)
    node.replace_input_with(len(node.inputs) - 1, shape_value)
    node.outputs[0].shape = ir.Shape(wanted)
    facts.steady.update(node.outputs)
    for value in node.outputs:
        _note(value, after, facts)


def keeps_frames(node: ir.Node, facts: Facts) -> bool:
    """Whether a Reshape leaves the time of such a constant an axis of its own, as to split features into heads."""
    value = node.inputs[0]
    return node.op_type == "Reshape" and value in facts.as_long and facts.as_long[value][1] in dims(node.outputs[0])


def _as_expand(node: ir.Node, facts: Facts) -> ir.Node:
    """A repetition of axes of 1."""
    before, after = dims(node.inputs[0]), dims(node.outputs[0])
    if any(b not in (1, a) for b, a in zip(before, after, strict=True)):
        facts.refuse(node, "it repeats several frames over time", "compute what changes along time from the input")
    out = insert(node, facts, "Expand", node.inputs[0], node.inputs[1], like=node.outputs[0])
    out.shape = node.outputs[0].shape
    replace_node(node, facts.builder, [out])
    made = out.producer()
    assert made is not None
    return made


def still_steady(node: ir.Node, facts: Facts) -> None:
    """What is computed from constants that broadcast over time does so too; a cut along time leaves it as it is."""
    after = dims(node.outputs[0])
    if any(grows(d, "time") and grows(d, "batch") for d in after) and not recurrent.is_zero(node.inputs[0]):
        facts.refuse(
            node,
            "it repeats a value per sequence for every frame, on the axis of the batch",
            "let it meet the frames before time is folded into the batch",
        )
    if node.op_type == "Slice" and _cuts_frames(node, facts):
        _cut(node, facts)
        return
    for value in node.outputs:
        if value.shape is not None:
            _note(value, dims(value), facts)
            value.shape = ir.Shape(1 if grows(d, "time") else d for d in dims(value))
    facts.steady.update(node.outputs)


def _cuts_frames(node: ir.Node, facts: Facts) -> bool:
    """Whether a Slice is along the time of a constant that has one frame here."""
    value = node.inputs[0]
    if value not in facts.as_long or value is None:
        return False
    axes = axes_of(node, 3, rank(value)) if len(node.inputs) > 3 else list(range(rank(value)))
    if axes is None or (facts.as_long[value][0] in axes and len(axes) > 1):
        facts.refuse(node, "it cuts constants along time and other axes at once", "cut one axis after the other")
    return axes == [facts.as_long[value][0]]


def _cut(node: ir.Node, facts: Facts) -> None:
    """One frame again."""
    value, after = node.inputs[0], dims(node.outputs[0])
    assert value is not None
    shape = [1 if grows(d, "time") else d for d in after]
    if shape[facts.as_long[value][0]] != 1:
        facts.refuse(node, "it cuts a fixed number of frames from constants", "make them a constant of that size")
    same = insert(node, facts, "Identity", value, like=node.outputs[0])
    same.shape = ir.Shape(shape)
    replace_node(node, facts.builder, [same])
    facts.steady.add(same)
    _note(same, after, facts)
