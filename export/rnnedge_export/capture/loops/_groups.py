"""Several values of every iteration in one list, as what an iteration gives: four subframes of each frame, joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.fx import Graph, Node

from rnnedge_export.capture.loops._labels import OUTSIDE
from rnnedge_export.capture.loops._unrolled import aten, new_node, shape_of


def group_by_iteration(graph: Graph, label: Mapping[Node, int], length: int) -> bool:
    """Rewrite the graph in place; whether there was anything to group. `length`: the number of iterations."""
    found = False
    for node in [n for n in graph.nodes if n.target in (aten.stack.default, aten.cat.default)]:
        args: tuple[Any, ...] = node.args
        values = list(args[0])
        each, rest = divmod(len(values), length)
        if (
            each < 2
            or rest
            or [label.get(value, OUTSIDE) for value in values] != [k // each for k in range(len(values))]
        ):
            continue
        axis = (args[1] if len(args) > 1 else 0) % len(shape_of(node))
        groups = [new_node(values[k + each - 1].next, node.target, (values[k : k + each], axis), same=False)
                  for k in range(0, len(values), each)]  # fmt: skip
        joined = new_node(node, aten.cat.default, (groups, axis))
        node.replace_all_uses_with(joined)
        graph.erase_node(node)
        found = True
    return found
