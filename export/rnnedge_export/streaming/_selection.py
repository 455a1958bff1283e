"""Numbers that are chosen or moved within a frame: the largest, by their places, triangles, blocks of a picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir

from rnnedge_export.streaming._caches import insert, joined
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming.facts import Fact, Facts, constant, dims, rank
from rnnedge_runtime.contract import Array

_LENGTHS = (24, 40)


@rule("TopK")
def topk(node: ir.Node, facts: Facts) -> tuple[Fact, Fact]:
    """1. The largest of a frame, and their places; how many is the same for every length. Along time it is refused."""
    fact = facts.only(node)
    axis = node.attributes.get_int("axis", -1) % rank(node.inputs[0])
    if fact.axis == axis:
        facts.refuse(
            node,
            "it sorts the frames, or takes the largest of them, which needs the whole sequence",
            "sort features, or take a running maximum (torch.cummax)",
        )
    count = node.inputs[1]
    if count is not None and constant(count) is None:
        # As many as the axis has, read from the shape.
        few, more = (facts.offline.evaluate([str(count.name)], 1, facts.at_least(time))[0] for time in _LENGTHS)
        if few.tolist() != more.tolist():
            facts.refuse(node, "how many it takes is computed", "take a fixed number of features")
        node.replace_input_with(1, facts.builder.ints(*few.tolist()))
    return fact, fact


@rule("GatherElements")
def gather_elements(node: ir.Node, facts: Facts) -> Fact:
    """1. Numbers of a frame by places within it, both streamed with one time axis; the faster one waits."""
    streamed = facts.streamed(node)
    first = streamed[0][1]
    axis = node.attributes.get_int("axis", 0) % rank(node.inputs[0])
    axes = {(fact.axis, fact.folded) for _, fact in streamed}
    if len(streamed) < 2 or len(axes) > 1 or first.axis is None or first.axis == axis:
        facts.refuse(
            node,
            "it takes values from other frames than its own, or by places that are the same for all",
            "gather within every frame, by places of that frame",
        )
    return replace(first, clock=joined(node, facts, [0, 1]), position=False)


@rule("ScatterElements")
def scatter_elements(node: ir.Node, facts: Facts) -> Fact:
    """Numbers put into a frame, by places within it, with one time axis for all that is streamed; the faster ones wait.

    1. What is put in, or where, may be one number for all frames, as in zeros_like(x).scatter(-1, places, 1.0).
    """
    known = dict(facts.streamed(node))
    axis = node.attributes.get_int("axis", 0) % rank(node.inputs[0])
    axes = {(fact.axis, fact.folded) for fact in known.values()}
    first = next(iter(known.values()))
    filled = {k: _filled(node, k, axis, facts) for k in (0, 2) if k not in known}
    if 1 not in known or len(axes) > 1 or first.axis in (None, axis) or None in filled.values():
        facts.refuse(
            node,
            "it puts values into other frames than their own, or by places that are the same for all",
            "scatter within every frame, by places of that frame",
        )
    clock = joined(node, facts, list(known))
    for k, number in filled.items():
        shape = insert(node, facts, "Shape", node.inputs[1])
        sizes = [insert(node, facts, "Slice", shape, facts.builder.ints(0), facts.builder.ints(axis))] if axis else []
        sizes.append(facts.builder.ints(int(dims(node.inputs[k])[axis])))
        if axis + 1 < rank(node.inputs[0]):
            ends = facts.builder.ints(axis + 1), facts.builder.ints(rank(node.inputs[0]))
            sizes.append(insert(node, facts, "Slice", shape, *ends))
        whole = insert(node, facts, "Concat", *sizes, axis=0)
        value = facts.builder.const(np.asarray(number), "fill")
        node.replace_input_with(k, insert(node, facts, "Expand", value, whole, like=node.inputs[k]))
    return replace(first, clock=clock, position=False)


def _filled(node: ir.Node, index: int, axis: int, facts: Facts) -> Array | None:
    """The number that stands everywhere in an input of the same for all frames, as wide as a number says."""
    value = node.inputs[index]
    assert value is not None
    fixed = constant(value)
    found = [fixed] if fixed is not None else [
        facts.offline.evaluate([str(value.name)], 1, facts.at_least(time))[0] for time in _LENGTHS
    ]  # fmt: skip
    numbers = np.unique(np.concatenate([array.ravel() for array in found]))
    return numbers[0] if len(numbers) == 1 and isinstance(dims(value)[axis], int) else None


@rule("DepthToSpace", "SpaceToDepth")
def blocks(node: ir.Node, facts: Facts) -> Fact:
    """1. Pictures (frames, channels, height, width): time stands on the first axis, alone or with the batch."""
    fact = facts.only(node)
    if fact.axis not in (0, None):
        facts.refuse(node, "it moves numbers between time and channels", "reshape and transpose frames instead")
    return fact


@rule("Trilu")
def triangle(node: ir.Node, facts: Facts) -> Fact:
    """1. Of matrices over other axes than time."""
    fact = facts.only(node)
    if fact.axis is not None and fact.axis >= rank(node.inputs[0]) - 2:
        facts.refuse(node, "frames meet by their numbers in a triangle over time", "bound the window")
    return fact
