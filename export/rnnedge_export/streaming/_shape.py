"""Operators that move, cut or join axes without computing."""

from __future__ import annotations

from typing import cast

import onnx_ir as ir

from rnnedge_export.graph.symbolic_dims import grows
from rnnedge_export.streaming import _framing as framing
from rnnedge_export.streaming._caches import cursor, insert, per_call, until_certain
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming.facts import Fact, Facts, constant, dims, integers, rank


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
    """1. Axes before time close the gap; 2. time itself, or axes that are not named, are refused.

    3. A sequence that is the same for all of a batch, such as the squares of a window added up, may have got the batch
       with a cache: the first one is all of them.
    """
    fact = facts.only(node)
    if fact.axis is None:
        return fact
    axes = integers(node, 1)
    if axes is None:
        facts.refuse(node, "it does not say which axes it removes", "name them")
    gone = {axis % rank(node.inputs[0]) for axis in axes}
    if fact.axis in gone:
        facts.refuse(node, "it removes the time axis", "keep the axis, or take one frame by its index")
    value = cast(ir.Value, node.inputs[0])
    if 0 in gone and not any(grows(dim, "batch") for dim in dims(value)):
        node.replace_input_with(0, insert(node, facts, "Gather", value, facts.builder.ints(0), like=value, axis=0))
    return fact.moved(fact.axis - sum(axis < fact.axis for axis in gone))


@rule("Gather")
def gather(node: ir.Node, facts: Facts) -> Fact:
    """1. Embedding: a constant table, streamed indices; time moves after the axes before `axis`.

    2. Constant indices on another axis than time: time keeps its place.
    3. Windows along time, as `unfold` gives (see `framing`).
    4. Index -1 on the time axis, as `y[:, -1]`: the last frame, a summary.
    """
    table, indices = node.inputs[0], node.inputs[1]
    axis = node.attributes.get_int("axis", 0) % rank(table)
    if framing.is_framing(node, facts):
        return framing.framed(node, facts)
    if facts.of(table) is None:
        fact = facts.only(node, 1)
        if fact.position:
            facts.refuse(node, "a table is read by the number of the frame, and a stream outgrows it", "use a position "
                         "that is relative to the frame, or none")  # fmt: skip
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
    if fact.folded:
        facts.refuse(node, "time shares its axis with the batch", "unfold time before it takes the last frame")
    late, fact = until_certain(node, cast(ir.Value, table), fact, facts)
    node.replace_input_with(0, late)
    if per_call(node, fact, facts) > 1:
        node.replace_input_with(1, cursor("last", fact.clock, facts))
    return fact.summed()


@rule("Tile")
def tile(node: ir.Node, facts: Facts) -> Fact:
    """1. Repeats other axes than time."""
    fact, repeats = facts.only(node), integers(node, 1)
    if repeats is None or (fact.axis is not None and repeats[fact.axis] != 1):
        facts.refuse(node, "it repeats time, or a number of times that is computed", "repeat features, by a number")
    return fact
