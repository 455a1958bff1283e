"""Operators that treat every element, hence every frame, by itself."""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from rnnedge_export.graph.operators import Kind, of_kind
from rnnedge_export.streaming import _attention as attention
from rnnedge_export.streaming import _weighted as weighted
from rnnedge_export.streaming._caches import joined
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming.facts import Fact, Facts, rank


@rule(*of_kind(Kind.POINTWISE))
def unary(node: ir.Node, facts: Facts) -> Fact:
    """1. The output has the fact of the first input; every other input is a constant."""
    return facts.only(node)


@rule(*of_kind(Kind.BROADCASTING))
def broadcast(node: ir.Node, facts: Facts) -> Fact:
    """Numpy broadcasting aligns axes from the right.

    1. Streamed operands share one time axis after alignment. The faster ones wait for the slowest.
    2. Summaries meet summaries of the same frames and constants only; the output is a summary.
    3. Scores of attention meet constants and tables by distance (see `attention`).
    4. A constant operand has size 1 along time, or does not reach that axis; a table over time is refused.
    """
    streamed = facts.streamed(node)
    if any(fact.pairs for _, fact in streamed):
        return attention.pairwise(node, facts)
    if any(fact.weights for _, fact in streamed):
        return weighted.multiplied(node, facts)
    if any(fact.summary for _, fact in streamed):
        if not all(fact.summary for _, fact in streamed):
            facts.refuse(
                node,
                "it mixes a value per frame with a summary of the whole sequence",
                "give the summary as an output of its own, or use a running one such as a cumulative mean",
            )
        if len({fact.clock for _, fact in streamed}) > 1:
            facts.refuse(
                node, "it mixes summaries that are complete at different times", "give them as outputs of their own"
            )
        return streamed[0][1]
    out = rank(node.outputs[0])
    axes = {fact.axis + out - rank(node.inputs[i]) for i, fact in streamed if fact.axis is not None}
    if len(axes) != 1 or len({fact.folded for _, fact in streamed}) > 1:
        facts.refuse(
            node, "its operands have time on different axes, so every frame meets every other", "bound the window"
        )
    axis = axes.pop()
    indices = [i for i, _ in streamed]
    for i, value in enumerate(node.inputs):
        if value is None or i in indices:
            continue
        own = axis - (out - rank(value))
        if own >= 0 and value.shape is not None and value.shape[own] != 1:
            facts.refuse(
                node,
                "a constant changes along time (a positional table?)",
                "use a position that is relative to the frame, or none",
            )
    clock = joined(node, facts, indices)
    positions = all(fact.position for _, fact in streamed)
    return replace(streamed[0][1], axis=axis, clock=clock, position=positions)
