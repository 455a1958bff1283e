"""Operators that move, cut or join axes without computing."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.streaming.facts import SUMMARY, Fact, Facts, constant, integers, rank
from rnnedge_export.streaming.registry import rule

LAST_FRAME = "last_frame"
"""Name of the scalar that says which frame of a call is the last: -1, until a fixed-chunk form makes it an input."""


@rule("Transpose")
def transpose(node: ir.Node, facts: Facts) -> Fact:
    """1. Time goes where `perm` takes it; by default axes are reversed."""
    fact = facts.only(node)
    if fact.axis is None:
        return fact
    perm = node.attributes.get_ints("perm") or list(range(rank(node.inputs[0])))[::-1]
    return fact.moved(list(perm).index(fact.axis))


@rule("Unsqueeze")
def unsqueeze(node: ir.Node, facts: Facts) -> Fact:
    """1. Time keeps its place among the axes that were there before."""
    fact = facts.only(node)
    axes = integers(node, 1)
    if fact.axis is None:
        return fact
    if axes is None:
        facts.refuse(node, "its axes are computed", "write them as numbers")
    new = {axis % rank(node.outputs[0]) for axis in axes}
    kept = [axis for axis in range(rank(node.outputs[0])) if axis not in new]
    return fact.moved(kept[fact.axis])


@rule("Squeeze")
def squeeze(node: ir.Node, facts: Facts) -> Fact:
    """1. Axes before time close the gap; 2. time itself, or axes that are not named, are refused."""
    fact = facts.only(node)
    if fact.axis is None:
        return fact
    axes = integers(node, 1)
    if axes is None:
        facts.refuse(node, "it does not say which axes it removes", "name them")
    gone = {axis % rank(node.inputs[0]) for axis in axes}
    if fact.axis in gone:
        facts.refuse(node, "it removes the time axis", "keep the axis, or take one frame by its index")
    return fact.moved(fact.axis - sum(axis < fact.axis for axis in gone))


@rule("Concat")
def concat(node: ir.Node, facts: Facts) -> Fact:
    """1. All operands are streamed and have time on one axis, which is not the joined one.

    2. Summaries join summaries and constants.
    """
    streamed = facts.streamed(node)
    kinds = {fact for _, fact in streamed}
    if kinds == {SUMMARY}:
        return SUMMARY
    if len(kinds) != 1 or len(streamed) != len(node.inputs):
        facts.refuse(
            node, "it joins a value per frame with one that is not", "expand the other one over time inside the network"
        )
    fact = kinds.pop()
    if node.attributes.get_int("axis", 0) % rank(node.outputs[0]) == fact.axis:
        facts.refuse(node, "it joins along time", "join features, or give several outputs")
    return fact


@rule("Split")
def split(node: ir.Node, facts: Facts) -> Fact:
    """1. Cuts along another axis than time."""
    fact = facts.only(node)
    if fact.axis == node.attributes.get_int("axis", 0) % rank(node.inputs[0]):
        facts.refuse(node, "it cuts along time", "cut features, or slice outside the network")
    return fact


@rule("Slice")
def slice_(node: ir.Node, facts: Facts) -> Fact:
    """1. Cuts along other axes than time."""
    fact = facts.only(node)
    if fact.axis is None:
        return fact
    axes = integers(node, 3)
    if axes is None or any(axis % rank(node.inputs[0]) == fact.axis for axis in axes):
        facts.refuse(node, "it slices along time", "take the last frame as y[:, -1], or slice outside the network")
    return fact


@rule("Gather")
def gather(node: ir.Node, facts: Facts) -> Fact:
    """1. Embedding: a constant table, streamed indices; time moves behind the axes before `axis`.

    2. Constant indices on another axis than time: time keeps its place.
    3. Index -1 on the time axis, as `y[:, -1]`: the last frame, a summary.
    """
    table, indices = node.inputs[0], node.inputs[1]
    axis = node.attributes.get_int("axis", 0) % rank(table)
    if facts.of(table) is None:
        fact = facts.only(node, 1)
        return fact if fact.axis is None else fact.moved(fact.axis + axis)
    fact = facts.only(node)
    if fact.axis is None:
        return fact
    if axis != fact.axis:
        return fact if axis > fact.axis else fact.moved(fact.axis + rank(indices) - 1)
    index = constant(indices)
    if index is None or index.ndim or int(index) != -1:
        facts.refuse(
            node, "it takes single frames by their number", "take the last one, y[:, -1], or slice outside the network"
        )
    assert node.graph is not None
    node.replace_input_with(1, _last_frame(node.graph))
    return SUMMARY


@rule("Reshape")
def reshape(node: ir.Node, facts: Facts) -> Fact:
    """1. Exactly one output axis is "time", and as many elements stand before it as before the input's time axis."""
    fact = facts.only(node)
    if fact.axis is None:
        return fact
    before, after = node.inputs[0], node.outputs[0]
    assert before is not None and before.shape is not None
    rank(after)
    assert after.shape is not None
    axes = [i for i, dim in enumerate(after.shape) if str(dim) == "time"]
    if len(axes) != 1 or _product(before.shape, fact.axis) != _product(after.shape, axes[0]):
        facts.refuse(
            node,
            f"time cannot be followed from {list(before.shape)} to {list(after.shape)}",
            "reshape features only, keeping (batch, time) apart",
        )
    return fact.moved(axes[0])


@rule("Expand")
def expand(node: ir.Node, facts: Facts) -> Fact:
    """1. Broadcasts a streamed value over new or single axes; time is counted from the right."""
    fact = facts.only(node)
    if fact.axis is None:
        return fact
    return fact.moved(fact.axis + rank(node.outputs[0]) - rank(node.inputs[0]))


def _product(shape: ir.Shape, axis: int) -> tuple[int, tuple[str, ...]]:
    """Elements before `axis`: the product of its numbers and its symbols."""
    number, symbols = 1, []
    for dim in list(shape)[:axis]:
        if isinstance(dim, int):
            number *= dim
        else:
            symbols.append(str(dim))
    return number, tuple(sorted(symbols))


def _last_frame(graph: ir.Graph | ir.Function) -> ir.Value:
    assert isinstance(graph, ir.Graph)
    value = graph.initializers.get(LAST_FRAME)
    if value is None:
        tensor = ir.tensor(np.array(-1, np.int64), name=LAST_FRAME)
        value = ir.Value(name=LAST_FRAME, type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape([]), const_value=tensor)
        graph.register_initializer(value)
    return value
