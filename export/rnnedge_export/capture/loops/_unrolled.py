"""A module captured at one length, in a form in which iterations can be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph, Node

aten: Any = torch.ops.aten
_ENDLESS = 1 << 62


def clean(graph: Graph) -> None:
    """Copies and slices of everything go, and equal expressions become one."""
    seen: dict[tuple[Any, ...], Node] = {}
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        same = _same_as(node)
        if same is None and "val" in node.meta:
            same = seen.setdefault((node.target, repr(node.args), repr(node.kwargs)), node)
        if same is not None and same is not node:
            node.replace_all_uses_with(same)
            graph.erase_node(node)
    graph.eliminate_dead_code()


def _same_as(node: Node) -> Node | None:
    """The argument that a node merely hands on."""
    handing: dict[Any, Callable[[Node], bool]] = {
        aten.slice.Tensor: lambda n: _everything(n.args[2:]),
        aten.detach_.default: lambda _: True,
        aten.detach.default: lambda _: True,
        aten.alias.default: lambda _: True,
        aten.lift_fresh_copy.default: lambda _: True,
        aten.clone.default: lambda _: True,
    }
    if node.target is aten.copy.default:
        return _node(node.args[1])
    if node.target is aten.slice_scatter.default and _everything(node.args[3:]):
        return _node(node.args[1])
    return _node(node.args[0]) if node.target in handing and handing[node.target](node) else None


def _everything(bounds: tuple[Any, ...]) -> bool:
    """Whether a start, an end and a step, as far as given, leave nothing out."""
    start = bounds[0] if bounds else 0
    end = bounds[1] if len(bounds) > 1 else None
    step = bounds[2] if len(bounds) > 2 else 1
    return start in (0, None) and (end is None or (isinstance(end, int) and end >= _ENDLESS)) and step == 1


def _node(value: Any) -> Node | None:
    return value if isinstance(value, Node) else None


def shape_of(node: Node) -> tuple[Any, ...]:
    """The sizes of a tensor: numbers, and symbols for those that may change; () for what is no tensor."""
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, torch.Tensor) else ()
