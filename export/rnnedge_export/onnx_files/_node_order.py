"""Nodes in an order in which each reads what stands before it. Converters of types append their casts at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from heapq import heappop, heappush

import onnx


def put_in_order(graph: onnx.GraphProto) -> None:
    """Sort the nodes of `graph`, in place; those that stand in order stay where they are."""
    nodes = list(graph.node)
    makers = {name: place for place, node in enumerate(nodes) for name in node.output if name}
    needs = [{makers[name] for name in _read(node) if name in makers} for node in nodes]
    if all(max(before, default=-1) < place for place, before in enumerate(needs)):
        return
    order = _sorted(needs)
    if len(order) == len(nodes):
        del graph.node[:]
        graph.node.extend(nodes[place] for place in order)


def _sorted(needs: list[set[int]]) -> list[int]:
    """Places, each after those that it needs; the earliest first. A circle and what needs it is left out."""
    missing = [set(before) for before in needs]
    readers: dict[int, list[int]] = defaultdict(list)
    for place, before in enumerate(needs):
        for one in before:
            readers[one].append(place)
    ready = [place for place, before in enumerate(needs) if not before]
    order = []
    while ready:
        order.append(heappop(ready))
        for reader in readers[order[-1]]:
            missing[reader].discard(order[-1])
            if not missing[reader]:
                heappush(ready, reader)
    return order


def _read(node: onnx.NodeProto) -> Iterator[str]:
    """What a node reads, the nodes of its inner graphs too."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from (value.name for value in graph.output)
            for inner in graph.node:
                yield from _read(inner)
