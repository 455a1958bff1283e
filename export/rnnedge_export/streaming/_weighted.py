"""A mean over time with weights of a softmax over time, as attention pooling has it: sum(softmax(s) * v).

    m' = max(m, max s),  a = exp(m - m'),  e = exp(s - m'),  n' = a n + sum e,  t' = a t + sum(e * v),  y = t' / n'

1. A softmax over time streams if all that reads it is such a sum, by a product with `v` and a sum over time, or by one
   matrix product; only axes are moved on the way. The weights themselves are known at the end of the sequence only.
2. The largest score so far, and both sums with what their roundings lost, are states; a call scales the sums once.
3. Where a call can bring frames past the end, their scores are -infinity.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn, cast

import numpy as np
import onnx_ir as ir

from rnnedge_export.streaming._caches import aligned, become, insert, joined, masked, per_call, until_certain
from rnnedge_export.streaming._compensated import add_to
from rnnedge_export.streaming.facts import Fact, Facts, Held, dims, rank

_MOVES = ("Transpose", "Unsqueeze", "Squeeze", "Identity")
# No score is as low, and the difference of two such numbers is a number.
_LOWEST = -1e38


def is_pooled(value: ir.Value) -> bool:
    """Case 1: whether all that reads the weights can be a sum over time."""
    return bool(value.uses()) and not value.is_graph_output() and all(_leads_to_a_sum(n, i) for n, i in value.uses())


def _leads_to_a_sum(node: ir.Node, index: int) -> bool:
    out = node.outputs[0]
    if node.op_type in _MOVES and index == 0:
        return is_pooled(out)
    if node.op_type == "Mul" and not out.is_graph_output():
        readers = [(reader.op_type == "ReduceSum") or _leads_to_a_sum(reader, i) for reader, i in out.uses()]
        return bool(readers) and all(readers)
    return node.op_type == "MatMul"


def as_scores(node: ir.Node, fact: Fact, facts: Facts) -> Fact:
    """The softmax is left to the sum: its scores go on in its place."""
    scores = cast(ir.Value, node.inputs[0])
    return become(node, insert(node, facts, "Identity", scores, like=scores), replace(fact, weights=True), facts)


def multiplied(node: ir.Node, facts: Facts) -> Fact:
    """The product with `v`, which the sum after it replaces."""
    streamed = facts.streamed(node)
    out = rank(node.outputs[0])
    axes = {None if f.axis is None else f.axis + out - rank(node.inputs[i]) for i, f in streamed}
    axis = next(iter(axes))
    if len(streamed) != 2 or len(axes) != 1 or axis is None or sum(f.weights for _, f in streamed) != 1:
        _refuse(node, facts)
    weighed = next(i for i, f in streamed if f.weights)
    product = cast(ir.Value, node.inputs[weighed]).producer()
    if product is not None and product.op_type == "Mul":
        _once_more(node, product, weighed, replace(streamed[0][1], axis=axis, weights=False), facts)
    clock = joined(node, facts, [0, 1])
    return replace(streamed[0][1], axis=axis, clock=clock, weights=True)


def _once_more(node: ir.Node, product: ir.Node, weighed: int, fact: Fact, facts: Facts) -> None:
    """(weights * v) * w is weights * (v * w)."""
    if len({f.clock for _, f in facts.streamed(node)}) > 1:
        _refuse(node, facts)
    first = next(i for i, value in enumerate(product.inputs) if facts.known[cast(ir.Value, value)].weights)
    scores, values = product.inputs[first], cast(ir.Value, product.inputs[1 - first])
    both = insert(node, facts, "Mul", values, node.inputs[1 - weighed], like=values)
    both.shape = node.outputs[0].shape
    facts.known[both] = fact
    node.replace_input_with(weighed, scores)
    node.replace_input_with(1 - weighed, both)


def summed(node: ir.Node, fact: Fact, axes: list[int], facts: Facts) -> Fact:
    """The sum over time of a product of scores and `v`."""
    product = cast(ir.Node, cast(ir.Value, node.inputs[0]).producer())
    if product.op_type != "Mul" or axes != [fact.axis]:
        _refuse(node, facts)
    ndim = rank(product.outputs[0])
    first = next(i for i, value in enumerate(product.inputs) if facts.known[cast(ir.Value, value)].weights)
    scores, values = (_of_rank(node, cast(ir.Value, product.inputs[i]), ndim, facts) for i in (first, 1 - first))
    return _pooled(node, scores, values, facts)


def contracted(node: ir.Node, facts: Facts) -> Fact:
    """A matrix product that sums over time."""
    streamed = facts.streamed(node)
    ends = [f.axis == rank(node.inputs[i]) - 1 - i for i, f in streamed]
    same = rank(node.inputs[0]) == rank(node.inputs[1])
    if len(streamed) != 2 or not all(ends) or not same or sum(f.weights for _, f in streamed) != 1:
        _refuse(node, facts)
    joined(node, facts, [0, 1])
    first = next(i for i, f in streamed if f.weights)
    scores, values = (cast(ir.Value, node.inputs[i]) for i in (first, 1 - first))
    return _pooled(node, scores, values, facts)


def _pooled(node: ir.Node, scores: ir.Value, values: ir.Value, facts: Facts) -> Fact:
    """Cases 2 and 3."""
    like, matrices = scores, node.op_type == "MatMul"
    parts, fact, warmup = [], facts.known[scores], 0
    for value, fill in ((scores, -np.inf), (values, 0.0)):
        late, fact = until_certain(node, value, facts.known[value], facts)
        late, fact, warmup = aligned(node, late, fact, facts)
        parts.append(masked(node, late, fact, facts, fill) if per_call(node, fact, facts) > 1 else late)
    s, v = parts
    axis = facts.known[scores].axis
    assert axis is not None and s.dtype is not None
    along, place = facts.builder.ints(axis), facts.places.get(node.name or "", "") or "pool"
    shape = [1 if i == axis else d for i, d in enumerate(dims(scores))]
    whole = list(dims(node.outputs[0]))
    keeps = 1 if matrices else node.attributes.get_int("keepdims", 1)

    def op(kind: str, *inputs: ir.Value, **attributes: int) -> ir.Value:
        return insert(node, facts, kind, *inputs, like=like, **attributes)

    def state(name: str, sizes: list[int | str], initial: float) -> ir.Value:
        value = ir.Value(name=facts.builder.fresh(f"{place}.{name}"), type=like.type, shape=ir.Shape(sizes))
        facts.states.append(Held(value, value, str(value.name), tuple(sizes), initial, warmup))
        return value

    def write(state: ir.Value, after: ir.Value) -> None:
        index = next(i for i, held in enumerate(facts.states) if isinstance(held, Held) and held.value is state)
        facts.states[index] = replace(cast(Held, facts.states[index]), after=after)

    def turned(value: ir.Value) -> ir.Value:
        """As the result lies; a matrix product has the axis of the scores where they had it."""
        return value if keeps else op("Squeeze", value, along)

    largest = state("largest", shape, _LOWEST)
    top = op("Max", largest, op("ReduceMax", s, along, keepdims=1))
    scale, each = op("Exp", op("Sub", largest, top)), op("Exp", op("Sub", s, top))
    write(largest, top)
    weighed = [each, v] if scores is node.inputs[0] or not matrices else [v, each]
    part = op("MatMul", *weighed) if matrices else op("ReduceSum", op("Mul", each, v), along, keepdims=keeps)
    sums = []
    for name, sizes, more, by in (
        ("weights", shape, op("ReduceSum", each, along, keepdims=1), scale), ("sum", whole, part, turned(scale)),
    ):  # fmt: skip
        so_far, rest = state(name, sizes, 0.0), state(f"{name}.rest", sizes, 0.0)
        result, after, lost = add_to(node, facts, op("Mul", so_far, by), op("Mul", rest, by), more)
        write(so_far, after)
        write(rest, lost)
        sums.append(result)
    out = op("Div", sums[1], turned(sums[0]))
    facts.note(node, "mean over time with weights of a softmax: kept up to date from call to call")
    return become(node, out, replace(fact, weights=False).summed(), facts)


def _of_rank(node: ir.Node, value: ir.Value, ndim: int, facts: Facts) -> ir.Value:
    """Axes of one in front, as broadcasting puts them there."""
    missing = ndim - rank(value)
    if not missing:
        return value
    fact = facts.known[value]
    wide = insert(node, facts, "Unsqueeze", value, facts.builder.ints(*range(missing)), like=value)
    wide.shape = ir.Shape([*[1] * missing, *dims(value)])
    facts.known[wide] = fact.moved((fact.axis or 0) + missing)
    return wide


def _refuse(node: ir.Node, facts: Facts) -> NoReturn:
    facts.refuse(
        node,
        "weights of a softmax over time are known at the end of the sequence only",
        "sum what they weigh over time, as (weights * x).sum(1)",
    )
