"""Tables over pairs of frames (a mask, a bias by distance), written for the distances that a call can have."""

from __future__ import annotations

from typing import cast

import numpy as np
import onnx_ir as ir

from rnnedge_export.streaming._caches import insert, per_call
from rnnedge_export.streaming.facts import Fact, Facts, rank
from rnnedge_runtime.contract import Array


def by_distance(node: ir.Node, table: ir.Value, fact: Fact, facts: Facts) -> ir.Value:
    """The table for the rows and columns of a call; it has to depend on the distance only."""
    values = _distances(node, table, fact.back, facts)
    if facts.chunk is not None:
        frames = per_call(node, fact, facts)
        rows, columns = np.arange(frames)[:, None], np.arange(frames + fact.back)[None]
        index = np.clip(rows - columns + fact.back, -1, fact.back + 1) + 1
        return facts.builder.const(np.ascontiguousarray(values[..., index]), "by_distance")
    constant = facts.builder.const(values, "by_distance")
    return insert(node, facts, "Gather", constant, _places(node, fact, facts), like=table, axis=values.ndim - 1)


def _places(node: ir.Node, fact: Fact, facts: Facts) -> ir.Value:
    """Distance + 1 of every row and column of a call, from 0 to back + 2."""
    builder = facts.builder
    index = next(i for i, f in facts.streamed(node) if f.pairs)
    value = cast(ir.Value, node.inputs[index])
    axis = rank(value) - 2

    def count(at: int) -> ir.Value:
        size = insert(node, facts, "Squeeze", insert(node, facts, "Shape", value, start=at, end=at + 1))
        whole = (builder.const(np.zeros((), np.int64)), size, builder.const(np.ones((), np.int64)))
        return insert(node, facts, "Range", *whole)

    rows = insert(node, facts, "Unsqueeze", count(axis), builder.ints(1))
    apart = insert(node, facts, "Sub", insert(node, facts, "Add", rows, builder.ints(fact.back + 1)), count(axis + 1))
    limits = (builder.const(np.zeros((), np.int64)), builder.const(np.asarray(fact.back + 2, np.int64)))
    return insert(node, facts, "Clip", apart, *limits)


def _distances(node: ir.Node, table: ir.Value, back: int, facts: Facts) -> Array:
    """(..., back + 3): the table's values at the distances -1, 0, ..., back + 1."""
    total = facts.at_least(4 * back + 64)
    (array,) = facts.offline.evaluate([str(table.name)], 1, total, seed=0)
    size = array.shape[-1]
    columns = []
    for distance in range(-1, min(back + 1, size - 1) + 1):
        along = np.diagonal(array, -distance, axis1=-2, axis2=-1)
        if not np.array_equal(along, np.broadcast_to(along[..., :1], along.shape)):
            facts.refuse(node, "a table over pairs of frames depends on more than their distance", "make it relative")
        columns.append(along[..., 0])
    return np.stack(columns, -1)
