"""Causal attention over a bounded window: the keys and values of the window are caches.

    weights = softmax(mask(q k^T)), y = weights v, and the mask leaves every frame the last frames only

1. A product whose rows are frames of one operand and whose columns are frames of the other gives scores; how far back
   a frame looks is found by `attention_window`.
2. The columns of a call are the frames of the window before it, from a cache, and its own.
3. Frames before the first one are no columns of the whole sequence: a state that begins at the lowest number is added
   right in front of the softmax, after whatever is made of the scores (50 tanh(s / 50) would make -50 of it).
4. A table over pairs of frames (a mask, a bias by distance) has to depend on the distance only; it is evaluated, and
   written for the distances that a call can have (see `distance_tables`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import onnx_ir as ir

from rnnedge_export.graph.symbolic_dims import grows
from rnnedge_export.streaming._attention_window import REMEDY, window
from rnnedge_export.streaming._caches import aligned, become, counted, cut, delayed, hold, insert, joined, per_call
from rnnedge_export.streaming._distance_tables import by_distance
from rnnedge_export.streaming._length_arithmetic import is_table
from rnnedge_export.streaming.facts import Fact, Facts, Held, dims, rank
from rnnedge_runtime.contract import Dim

_NEVER = -3e38
_END = (1 << 63) - 1


def is_scores(node: ir.Node, facts: Facts) -> bool:
    """Whether the rows of a product are frames of its first operand and the columns frames of its second."""
    out = rank(node.outputs[0])
    places = [(None if f.axis is None else f.axis + out - rank(node.inputs[i])) for i, f in facts.streamed(node)]
    return places == [out - 2, out - 1] and not any(f.folded or f.pairs for _, f in facts.streamed(node))


def scores(node: ir.Node, facts: Facts) -> Fact:
    """Cases 1 to 3."""
    out = rank(node.outputs[0])
    back = window(node, facts)
    joined(node, facts, [0, 1])
    rows, row_fact, _ = aligned(node, *_operand(node, 0, facts), facts)
    keys, key_fact, warmup = aligned(node, *_operand(node, 1, facts), facts)
    assert key_fact.axis is not None
    columns = hold(node, keys, key_fact, back, facts, kind="keys", warmup=warmup) if back else keys
    product = insert(node, facts, "MatMul", rows, columns, like=node.outputs[0])
    unseen = _never_seen(node, keys, key_fact, back, warmup, facts) if back else None
    facts.note(node, f"attention over {counted(back + 1)}: keys of {counted(back)} are kept")
    return become(node, product, replace(row_fact, axis=out - 2, pairs=True, back=back, unseen=unseen), facts)


def without_unseen(node: ir.Node, fact: Fact, facts: Facts) -> Fact:
    """Case 3, in front of a softmax over scores."""
    if fact.unseen is None:
        return fact
    scores = cast(ir.Value, node.inputs[0])
    masked = insert(node, facts, "Add", scores, fact.unseen, like=scores)
    node.replace_input_with(0, masked)
    fact = replace(fact, unseen=None)
    facts.known[masked] = fact
    return fact


def weigh(node: ir.Node, facts: Facts) -> Fact:
    """The weights meet the values of the same frames."""
    (_, weights), (_, fact) = facts.streamed(node)
    value = cast(ir.Value, node.inputs[1])
    out = rank(node.outputs[0])
    if fact.axis != rank(value) - 2 or fact.folded or fact.pairs or fact.clock.rate != weights.clock.rate:
        facts.refuse(node, "attention weights meet values that are not those of its frames", REMEDY)
    late = weights.clock.delay - fact.clock.delay
    if late < 0:
        facts.refuse(node, "the values come later than the weights", "take keys and values from the same frames")
    value, fact = delayed(node, value, fact, late, facts, "the weights come later")
    warmup = fact.clock.delay // per_call(node, fact, facts)
    if weights.back:
        value = hold(node, value, fact, weights.back, facts, kind="values", warmup=warmup)
    product = insert(node, facts, "MatMul", node.inputs[0], value, like=node.outputs[0])
    facts.note(node, f"values of {counted(weights.back)} are kept")
    return become(node, product, replace(weights, axis=out - 2, pairs=False, back=0), facts)


def pairwise(node: ir.Node, facts: Facts) -> Fact:
    """Elementwise over scores and weights: with constants, tables, and other scores of the same frames."""
    streamed = facts.streamed(node)
    fact = next(fact for _, fact in streamed if fact.pairs)
    out = rank(node.outputs[0])
    for i, other in streamed:
        if (other.pairs, other.clock, other.back) != (True, fact.clock, fact.back) or rank(node.inputs[i]) != out:
            facts.refuse(node, "attention scores meet a value of single frames", "add it before the product")
    for i, value in enumerate(node.inputs):
        if value is None or facts.of(value) is not None:
            continue
        if is_table(value):
            node.replace_input_with(i, by_distance(node, value, fact, facts))
        elif any(grows(d, "time") for d in dims(value)):
            facts.refuse(node, "attention scores meet a table over frames", "let it depend on the distance only")
    same = _left_as_it_is(node, facts)
    return fact if same is None else become(node, same, fact, facts)


def _operand(node: ir.Node, index: int, facts: Facts) -> tuple[ir.Value, Fact]:
    value = cast(ir.Value, node.inputs[index])
    return value, facts.known[value]


def _never_seen(node: ir.Node, keys: ir.Value, fact: Fact, back: int, warmup: int, facts: Facts) -> ir.Value:
    """Case 3: 0 for columns that have come, and the lowest number for those before frame 0."""
    assert fact.axis is not None and keys.dtype is not None
    builder, ndim = facts.builder, rank(keys)
    shape: list[Dim] = [back if i == fact.axis else 1 if isinstance(d, int) else d for i, d in enumerate(dims(keys))]
    key = (tuple(shape), fact.clock, back)
    if key in facts.unseen:
        return facts.unseen[key]
    place = facts.places.get(node.name or "", "") or "attention"
    state = ir.Value(name=builder.fresh(f"{place}.begun"), type=keys.type, shape=ir.Shape(shape))
    if facts.chunk is not None:
        amounts = builder.ints(*[0] * (ndim + fact.axis), per_call(node, fact, facts), *[0] * (ndim - fact.axis - 1))
    else:
        count = insert(node, facts, "Shape", keys, start=fact.axis, end=fact.axis + 1)
        parts = [builder.ints(*[0] * (ndim + fact.axis)), count]
        if fact.axis < ndim - 1:
            parts.append(builder.ints(*[0] * (ndim - fact.axis - 1)))
        amounts = insert(node, facts, "Concat", *parts, axis=0)
    begun = insert(node, facts, "Pad", state, amounts, builder.scalar(0.0, keys.dtype), like=keys)
    after = cut(node, facts, begun, fact.axis, -back, _END)
    facts.states.append(Held(state, after, str(state.name), tuple(shape), _NEVER, warmup))
    facts.unseen[key] = begun
    return begun


def _left_as_it_is(node: ir.Node, facts: Facts) -> ir.Value | None:
    """The scores, where the window alone makes the mask, so that it changes nothing in a call of one frame."""
    arrays = [None if v is None or v.const_value is None else v.const_value.numpy() for v in node.inputs]
    pairs = [v for v in node.inputs if v is not None and facts.of(v) is not None]
    if len(pairs) != 1:
        return None
    if node.op_type == "Add" and any(a is not None and not a.any() for a in arrays):
        return pairs[0]
    if node.op_type == "Where" and arrays[0] is not None and arrays[0].all() == arrays[0].any():
        chosen = node.inputs[1 if arrays[0].all() else 2]
        return chosen if chosen is pairs[0] else None
    return None
