"""Normalizations and reductions over other axes than time, and scoring functions."""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.graph.operators import Kind, of_kind
from rnnedge_export.streaming import _attention as attention
from rnnedge_export.streaming import _pooling as pooling
from rnnedge_export.streaming import _weighted as weighted
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming.facts import Fact, Facts, integers, rank

_REMEDY = "normalize over features, or by constants measured in training"


@rule(*of_kind(Kind.TRAILING))
def trailing(node: ir.Node, facts: Facts) -> Fact:
    """1. Statistics over the axes from `axis` on: time stands before them; otherwise refused."""
    fact = facts.only(node)
    first = node.attributes.get_int("axis", -1) % rank(node.inputs[0])
    if fact.axis is not None and fact.axis >= first:
        facts.refuse(node, "it normalizes over time, which needs the whole sequence", _REMEDY)
    return fact


@rule(*of_kind(Kind.ALONG_AXIS))
def one_axis(node: ir.Node, facts: Facts) -> Fact:
    """1. Acts along `axis`: time is another one; otherwise refused. 2. Scores of attention: see there.

    3. A softmax over time whose weights go into a sum over time only (see `weighted`).
    """
    fact = facts.only(node)
    axis = node.attributes.get_int("axis", -1) % rank(node.inputs[0])
    if fact.axis == axis:
        if node.op_type == "Softmax" and not fact.folded and weighted.is_pooled(node.outputs[0]):
            return weighted.as_scores(node, fact, facts)
        facts.refuse(node, "it normalizes over time, which needs the whole sequence", _REMEDY)
    return attention.without_unseen(node, fact, facts)


@rule(*of_kind(Kind.ARGUMENT))
def arg(node: ir.Node, facts: Facts) -> Fact:
    """1. Searches along `axis`: time is another one and, without `keepdims`, closes the gap."""
    return _reduced(node, facts, [node.attributes.get_int("axis", 0)])


@rule(*of_kind(Kind.REDUCTION))
def reduce(node: ir.Node, facts: Facts) -> Fact:
    """1. Reduces over axes other than time, which closes the gaps without `keepdims`.

    2. Sum, mean, max and min over time: a summary, kept up to date by a state (see `pooling`).
    """
    ndim = rank(node.inputs[0])
    axes = [axis % ndim for axis in integers(node, 1) or range(ndim)]
    fact = facts.only(node)
    if fact.weights:
        return weighted.summed(node, fact, axes, facts)
    if fact.axis in axes and not fact.folded and node.op_type in pooling.POOLED:
        return pooling.pooled(node, fact, axes, facts)
    return _reduced(node, facts, axes)


def _reduced(node: ir.Node, facts: Facts, axes: list[int]) -> Fact:
    fact = facts.only(node)
    if fact.axis is None:
        return fact
    gone = {axis % rank(node.inputs[0]) for axis in axes}
    if fact.axis in gone:
        facts.refuse(
            node,
            "it pools over the whole sequence",
            "take the mean, maximum or sum over time, which can be kept up to date, or pool over a window",
        )
    keep = node.attributes.get_int("keepdims", 1)
    return fact if keep else fact.moved(fact.axis - sum(axis < fact.axis for axis in gone))


@rule("InstanceNormalization", "GroupNormalization", "MeanVarianceNormalization")
def whole(node: ir.Node, facts: Facts) -> Fact:
    """1. Statistics over all places, time among them: refused. 2. Time on axis 0, as a batch, is not among them."""
    fact = facts.only(node)
    if fact.axis not in (None, 0) or node.op_type == "MeanVarianceNormalization":
        facts.refuse(node, "it normalizes over time, which needs the whole sequence", _REMEDY + ", or running ones")
    return fact


@rule("BatchNormalization")
def channel(node: ir.Node, facts: Facts) -> Fact:
    """1. With trained statistics, an affine map per channel (axis 1): time is another axis."""
    fact = facts.only(node)
    if fact.axis == 1:
        facts.refuse(node, "time stands on its channel axis", "put features on axis 1: x.transpose(1, 2)")
    return fact
