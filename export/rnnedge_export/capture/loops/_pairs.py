"""Values between two frames, such as differences, of which there is one less: a loop reads number t - 1 in iteration t.

They are read as what has a frame for every iteration: 0 in front, which no iteration reads.
"""

from __future__ import annotations

from typing import Any

from torch.fx import Graph, Node

from rnnedge_export.capture.loops._loop import Frames, reads
from rnnedge_export.capture.loops._unrolled import aten, new_node, shape_of


def frame_pairs(graph: Graph, length: int) -> None:
    """Rewrite the graph in place; `length`: of the sequence."""
    found: dict[Frames, dict[Node, int]] = {}
    for node, (source, frame) in reads(graph).items():
        found.setdefault(source, {})[node] = frame
    sizes = {source: shape_of(source.value)[source.axis] for source in found}
    whole = {source for source, each in found.items() if sizes[source] == length and len(each) >= length - 2}
    for source, each in found.items():
        if whole and sizes[source] == length - 1 and set(each.values()) == set(range(length - 1)):
            _padded(graph, source, each)


def _padded(graph: Graph, source: Frames, each: dict[Node, int]) -> None:
    nodes = list(graph.nodes)
    at = min(each, key=nodes.index)
    shape: list[Any] = list(shape_of(source.value))
    shape[source.axis] = 1
    dtype = source.value.meta["val"].dtype
    zeros = new_node(at, aten.full.default, (shape, 0), {"dtype": dtype})
    zeros.meta["val"] = source.value.meta["val"].new_empty(shape)
    value = new_node(at, aten.cat.default, ([zeros, source.value], source.axis), same=False)
    for node, frame in each.items():
        args = (value, source.axis, frame + 1, *((frame + 2,) if source.keeps else ()))
        node.replace_all_uses_with(new_node(node, node.target, args))
