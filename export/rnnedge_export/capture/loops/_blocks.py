"""Blocks of frames that a loop reads one by one, as rows: of 16 frames each, `x[:, 16 * i : 16 * (i + 1)]` is row i.

What does more to a block than to its frames one by one, such as a product of all pairs of them, stays a loop over
blocks; what `_chunks.py` can do to all frames at once is done before.
"""

from __future__ import annotations

from typing import Any

from torch.fx import Graph, Node

from rnnedge_export.capture.loops._unrolled import aten, new_node, shape_of

_Slices = dict[tuple[int, int], list[Node]]


def blocks_as_rows(graph: Graph, count: int) -> bool:
    """Rewrite the graph in place, where values are read as `count` blocks of equal size; whether there were any."""
    rewritten = False
    found: dict[tuple[Node, int], _Slices] = {}
    for node in graph.find_nodes(op="call_function", target=aten.slice.Tensor):
        args: tuple[Any, ...] = node.args
        if len(args) == 4 and all(isinstance(each, int) for each in args[1:]):
            found.setdefault((args[0], args[1]), {}).setdefault(args[2:], []).append(node)
    for (value, axis), slices in found.items():
        frames, rest = divmod(shape_of(value)[axis], count)
        if frames > 1 and not rest and set(slices) == {(frames * i, frames * (i + 1)) for i in range(count)}:
            _read_rows(value, axis, frames, slices)
            rewritten = True
    return rewritten


def _read_rows(value: Node, axis: int, frames: int, slices: _Slices) -> None:
    order = {node: place for place, node in enumerate(value.graph.nodes)}
    first = min((node for nodes in slices.values() for node in nodes), key=order.__getitem__)
    shape = shape_of(value)
    sizes = [*shape[:axis], shape[axis] // frames, frames, *shape[axis + 1 :]]
    rows = new_node(first, aten.reshape.default, (value, sizes), same=False)
    for (start, _), nodes in slices.items():
        for node in nodes:
            node.replace_all_uses_with(new_node(node, aten.select.int, (rows, axis, start // frames)))
            value.graph.erase_node(node)
