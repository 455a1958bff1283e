"""Numbers that are chosen or moved within a frame: the largest, by their places, triangles, blocks of a picture."""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from rnnedge_export.streaming._caches import joined
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming.facts import Fact, Facts, constant, rank

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
