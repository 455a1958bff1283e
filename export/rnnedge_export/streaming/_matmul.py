"""Matrix products: every frame meets the same weights."""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from rnnedge_export.streaming import _attention as attention
from rnnedge_export.streaming import _weighted as weighted
from rnnedge_export.streaming._caches import joined
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming.facts import Fact, Facts, rank


@rule("MatMul", "com.microsoft::MatMulNBits")
def matmul(node: ir.Node, facts: Facts) -> Fact:
    """1. Streamed @ constant, or constant @ streamed: time stays where it is among the axes that are left.

    2. Two streamed operands that have time on one leading axis: one product per frame.
    3. Time on the rows of one and the columns of the other, and weights made of that: attention (see `attention`).
    4. Time on the contracted axis is refused otherwise.
    5. Weights of a softmax over time, summed over time: see `weighted`.
    6. A summary stays one, whatever it meets that is not per frame.
    """
    streamed = facts.streamed(node)
    if all(fact.summary for _, fact in streamed):
        return streamed[0][1]
    if any(fact.weights for _, fact in streamed):
        return weighted.contracted(node, facts)
    out = rank(node.outputs[0])
    if len(streamed) > 1:
        if streamed[0][1].pairs:
            return attention.weigh(node, facts)
        if attention.is_scores(node, facts):
            return attention.scores(node, facts)
        axes = {None if f.axis is None else f.axis + out - rank(node.inputs[i]) for i, f in streamed}
        axis = axes.pop()
        if axes or axis is None or axis >= out - 2 or len({f.folded for _, f in streamed}) > 1:
            facts.refuse(
                node,
                "every frame of one operand meets every frame of the other",
                "write attention as q @ k^T and weights @ v",
            )
        return replace(streamed[0][1], axis=axis, clock=joined(node, facts, [0, 1]))
    index, fact = streamed[0]
    assert fact.axis is not None
    own = rank(node.inputs[index])
    contracted = own - 1 if index == 0 else max(own - 2, 0)
    if fact.axis == contracted:
        facts.refuse(node, "it sums over time", "use a recurrence, or a sum over a window")
    if rank(node.inputs[1 - index]) == 1:
        # The contracted axis goes.
        return fact.moved(fact.axis - (fact.axis > contracted))
    return fact.moved(fact.axis + out - own)


@rule("Gemm")
def gemm(node: ir.Node, facts: Facts) -> Fact:
    """1. The first operand is streamed, with time on its rows; 2. a summary stays one."""
    fact = facts.only(node)
    if not fact.summary and fact.axis != node.attributes.get_int("transA", 0):
        facts.refuse(node, "it sums over time", "use a recurrence, or a sum over a window")
    return fact if fact.summary else fact.moved(0)
