"""`padded = torch.zeros(..., longer); padded[..., :n] = x`: padding, written as an assignment.

As such it has a rule for every length; the places of an assignment have one where they are numbers.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node

_END = (1 << 63) - 1
_ATEN: Any = torch.ops.aten
# The place of the sizes, and the number that all of it is; None: the argument after the sizes, or what fills it later.
_MADE: dict[Any, tuple[int, float | None]] = {
    _ATEN.zeros.default: (0, 0.0), _ATEN.new_zeros.default: (1, 0.0),
    _ATEN.ones.default: (0, 1.0), _ATEN.new_ones.default: (1, 1.0),
    _ATEN.full.default: (0, None), _ATEN.new_full.default: (1, None),
    _ATEN.empty.memory_format: (0, None), _ATEN.new_empty.default: (1, None),
}  # fmt: skip
# The number that fills what is there; None: the argument.
_FILLS = {
    _ATEN.fill.Scalar: None, _ATEN.full_like.default: None,
    _ATEN.zero.default: 0.0, _ATEN.zeros_like.default: 0.0, _ATEN.ones_like.default: 1.0,
}  # fmt: skip
_SAME = {_ATEN.alias.default, _ATEN.clone.default, _ATEN._to_copy.default, _ATEN.to.dtype, _ATEN.to.device}


def with_padding(program: ExportedProgram) -> ExportedProgram:
    """The same program, changed in place."""
    for node in list(program.graph.nodes):
        if _is_assigned_to(node):
            _leave_out_whole(node)
    for node in list(program.graph.nodes):
        if node.target is _ATEN.slice_scatter.default:
            _pad(node)
    return program


def _is_assigned_to(node: Node) -> bool:
    """Whether it is an assignment to a part, or a part of which another one is."""
    if node.target is _ATEN.slice.Tensor:
        return any(user.args[0] is node and _is_assigned_to(user) for user in node.users)
    return node.target is _ATEN.slice_scatter.default


def _leave_out_whole(node: Node) -> None:
    """`padded[:, :n] = x` is `padded[:][:, :n] = x`, in which the first colon changes nothing."""
    whole, x, _, start, end, step = _arguments(node)
    if start == 0 and end in (None, _END) and step == 1 and not any(user.op == "output" for user in node.users):
        node.replace_all_uses_with(whole if node.target is _ATEN.slice.Tensor else x)
        node.graph.erase_node(node)


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
    """Of a slice too, which has no `src`."""
    names = ["self", "src", "dim", "start", "end", "step"]
    if node.target is _ATEN.slice.Tensor:
        names.remove("src")
    given: dict[str, Any] = {"src": None, "dim": 0, "start": 0, "end": None, "step": 1}
    given |= dict(zip(names, node.args, strict=False)) | node.kwargs
    return given["self"], given["src"], given["dim"], given["start"] or 0, given["end"], given["step"]


def _filled(node: Node) -> tuple[list[Any], float] | None:
    """The sizes, and the number that all of it is."""
    number: Any = None
    while node.target in _SAME or node.target in _FILLS:
        if number is None and node.target in _FILLS:
            filled = _FILLS[node.target]
            number = node.args[1] if filled is None else filled
        node = node.all_input_nodes[0]
    if node.target not in _MADE:
        return None
    place, made = _MADE[node.target]
    if made is None and len(node.args) > place + 1:
        made = node.args[place + 1]  # type: ignore[assignment]
    number = made if number is None else number
    sizes: Any = node.args[place]
    return (list(sizes), number) if isinstance(number, (int, float)) else None


def _value(of: Any) -> Any:
    return of.meta["val"] if isinstance(of, Node) else of
