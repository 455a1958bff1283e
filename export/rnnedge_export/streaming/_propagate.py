"""One node of the walk: the rule of its operator, and what becomes of values that follow from the length alone."""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.graph.operators import Kind, of_kind, taken_by
from rnnedge_export.streaming import (
    _cumulative as cumulative,
)
from rnnedge_export.streaming import (
    _elementwise as elementwise,
)
from rnnedge_export.streaming import (
    _matmul as matmul,
)
from rnnedge_export.streaming import (
    _normalization as normalization,
)
from rnnedge_export.streaming import (
    _padding as padding,
)
from rnnedge_export.streaming import (
    _repeated as repeated,
)
from rnnedge_export.streaming import (
    _reshape as reshape,
)
from rnnedge_export.streaming import (
    _selection as selection,
)
from rnnedge_export.streaming import (
    _shape as shape,
)
from rnnedge_export.streaming import (
    _slices as slices,
)
from rnnedge_export.streaming import (
    _transposed as transposed,
)
from rnnedge_export.streaming import (
    _window as window,
)
from rnnedge_export.streaming import (
    recurrent,
)
from rnnedge_export.streaming._registry import rule_for
from rnnedge_export.streaming.facts import Fact, Facts, Step, rank

_FAMILIES = (
    cumulative,
    elementwise,
    matmul,
    normalization,
    padding,
    recurrent,
    reshape,
    selection,
    shape,
    slices,
    transposed,
    window,
)
_LENGTH_OPERATORS = frozenset(taken_by("lengths"))
_PAIRWISE = {"MatMul", "Softmax", *of_kind(Kind.POINTWISE), *of_kind(Kind.BROADCASTING)}
_SHAPED = {"ConstantOfShape", "Expand", "GRU", "LSTM", "Pad", "Reshape", "Resize", "RNN", "Slice", "TopK"}


def follow(node: ir.Node, facts: Facts) -> None:
    """The facts of the outputs of `node`; raises `ModelRefused` where it cannot be followed."""
    if node.op_type == "Shape" and node.domain == "":
        fact = facts.of(node.inputs[0])
        if fact is not None and fact.axis is not None:
            end = node.attributes.get_int("end", rank(node.inputs[0]))
            first = node.attributes.get_int("start", 0) % (rank(node.inputs[0]) + 1)
            if first <= fact.axis < (end if end >= 0 else end + rank(node.inputs[0])):
                facts.lengths.update(node.outputs)
        return
    if all(value in facts.absorbed for value in node.outputs):
        return
    streamed = facts.streamed(node)
    if any(fact.pairs for _, fact in streamed) and node.op_type not in _PAIRWISE:
        facts.refuse(node, "attention scores meet an operator that has no rule for them", "bring them to a softmax")
    if any(value in facts.lengths for value in node.inputs if value is not None):
        if not streamed and repeated.keeps_frames(node, facts):
            repeated.without_time(node, facts)
            return
        if not streamed and node.op_type in _LENGTH_OPERATORS:
            facts.lengths.update(node.outputs)
            return
        if node.op_type == "Range" and (counted := cumulative.count_frames(node, facts)) is not None:
            facts.known[node.outputs[0]] = counted
            return
        if not streamed and node.op_type in ("Expand", "Tile") and node.inputs[0] in facts.lengths:
            facts.lengths.update(node.outputs)
            return
        if not streamed and node.op_type in ("Expand", "ConstantOfShape", "Tile"):
            repeated.without_time(node, facts)
            return
        if not streamed and recurrent.is_zero(node.outputs[0]):
            facts.lengths.update(node.outputs)
            return
        if node.op_type not in _SHAPED:
            facts.refuse(
                node, "it computes with the length of the sequence", "leave lengths and masks to the training loop"
            )
    if not streamed or node.op_type == "Scan":
        repeated.with_frames(node, facts)
        streamed = facts.streamed(node)
    if not streamed:
        if facts.steady.intersection(v for v in node.inputs if v is not None):
            repeated.still_steady(node, facts)
        return
    rule = rule_for(f"{node.domain}::{node.op_type}" if node.domain else node.op_type)
    if rule is None:
        facts.refuse(
            node,
            "this operator has no streaming rule yet",
            "write it with operators that have one (see the page 'What can be streamed')",
        )
    place = facts.place(node)
    found = rule(node, facts)
    shown = found if isinstance(found, Fact) else next(fact for fact in found if fact is not None)
    facts.steps.append(Step(place, node.op_type, shown, tuple(facts.notes)))
    facts.notes.clear()
    each = (found,) * len(node.outputs) if isinstance(found, Fact) else found
    facts.known.update((value, fact) for value, fact in zip(node.outputs, each, strict=True) if fact is not None)
