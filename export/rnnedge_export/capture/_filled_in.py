"""`padded = torch.zeros(..., longer); padded[..., :n] = x`: padding, written as an assignment.

As such it has a rule for every length; the places of an assignment have one where they are numbers.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node

_ATEN: Any = torch.ops.aten
_FILLS = {_ATEN.zeros.default: 0.0, _ATEN.ones.default: 1.0, _ATEN.new_zeros.default: 0.0, _ATEN.new_ones.default: 1.0}
_SIZES_SECOND = {_ATEN.new_zeros.default, _ATEN.new_ones.default}
_SAME = {_ATEN.alias.default, _ATEN.clone.default, _ATEN._to_copy.default, _ATEN.to.dtype, _ATEN.to.device}


def with_padding(program: ExportedProgram) -> ExportedProgram:
    """The same program, changed in place."""
    for node in list(program.graph.nodes):
        if node.target is _ATEN.slice_scatter.default:
            _pad(node)
    return program


def _pad(node: Node) -> None:
    whole, x, dim, start, end, step = _arguments(node)
    filled = _filled(whole)
    if filled is None or step != 1 or all(isinstance(each, int) for each in (start, end)):
        return
    sizes, number = filled
    axis = dim % len(sizes)
    if not isinstance(start, int) or start < 0 or not isinstance(end, Node):
        return
    total, rank = sizes[axis], len(sizes)
    with node.graph.inserting_before(node):
        after = node.graph.call_function(operator.sub, (total, end))
        after.meta["val"] = _value(total) - _value(end)
        pads: list[Any] = [0, 0] * (rank - 1 - axis) + [start, after]
        padded = node.graph.call_function(_ATEN.constant_pad_nd.default, (x, pads, number))
    padded.meta = dict(node.meta)
    node.replace_all_uses_with(padded)
    node.graph.erase_node(node)


def _arguments(node: Node) -> tuple[Node, Node, int, Any, Any, int]:
    names = ("self", "src", "dim", "start", "end", "step")
    given = {"dim": 0, "start": 0, "end": None, "step": 1} | dict(zip(names, node.args, strict=False)) | node.kwargs
    whole, x, dim, start, end, step = (given[name] for name in names)
    return whole, x, dim, start or 0, end, step  # type: ignore[return-value]


def _filled(node: Node) -> tuple[list[Any], float] | None:
    """The sizes, and the number that all of it is."""
    while node.target in _SAME:
        node = node.all_input_nodes[0]
    if node.target is _ATEN.full.default and isinstance(node.args[1], (int, float)):
        return list(node.args[0]), node.args[1]  # type: ignore[arg-type]
    if node.target in _FILLS:
        return list(node.args[1 if node.target in _SIZES_SECOND else 0]), _FILLS[node.target]  # type: ignore[arg-type]
    return None


def _value(of: Any) -> Any:
    return of.meta["val"] if isinstance(of, Node) else of
