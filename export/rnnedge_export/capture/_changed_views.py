"""A view that was changed in place, and is read again: `F.relu_(y[..., 3:])`, `torch.clamp_(y[:, 0], -1, 1)`.

As a function this is the whole tensor with a part replaced, of which the part is cut out again. It is the part: the
frames around it need not be known, and it may be cut at places that depend on the length.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

_END = (1 << 63) - 1
_aten: Any = torch.ops.aten
_PARTS = {
    _aten.slice.Tensor: (_aten.slice_scatter.default, (0, None, None, 1)),
    _aten.select.int: (_aten.select_scatter.default, (None, None)),
}


def without_written_views(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The same program, changed in place: what is read where it was just written is what was written."""
    for node in program.graph.nodes:
        scatter, defaults = _PARTS.get(node.target, (None, ()))
        whole = _copied(node.args[0]) if scatter is not None else None
        if whole is None or whole.target is not scatter or _place(node, 1, defaults) != _place(whole, 2, defaults):
            continue
        # It keeps its name, by which the program knows its results.
        node.target, node.args, node.kwargs = _aten.clone.default, (whole.args[1],), {}
    program.graph.eliminate_dead_code()
    return program


def _copied(node: Any) -> Any:
    """What a copy is of."""
    while node.target is _aten.clone.default:
        node = node.args[0]
    return node


def _place(node: Node, first: int, defaults: tuple[Any, ...]) -> tuple[Any, ...]:
    """The axis and the numbers of a cut, from argument `first` on."""
    given = (*node.args[first:], *defaults[len(node.args) - first :])
    shape = node.args[0].meta["val"].shape if isinstance(node.args[0], Node) else ()
    axis = given[0] % max(1, len(shape)) if isinstance(given[0], int) else given[0]
    rest = [0 if i == 0 and n is None else None if i == 1 and n == _END else n for i, n in enumerate(given[1:])]
    return (axis, *rest)
