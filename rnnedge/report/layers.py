"""Where the blocks of a picture stand: in layers from top to bottom, with few crossings (Sugiyama et al., 1981).

An edge that passes a layer gets a narrow place of its own there, so that no line crosses a block.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Edge = tuple[int, int]
_SWEEPS, _SETTLING = 12, 300
# How much more it matters that what follows one another, and nothing else, stands in one line.
_STRAIGHT = 8


@dataclass(frozen=True)
class Layout:
    """`centers`: (x, y) of the upper edge of each block. `ways`: the points that each edge goes through."""

    centers: tuple[tuple[float, float], ...]
    ways: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float


def layered(heights: Sequence[float], edges: Sequence[Edge], *, width: float, gap: float, lane: float) -> Layout:
    """Blocks of one width and of `heights`; every edge goes from a lower number to a higher one.

    `gap`: between blocks, across and down. `lane`: width of the place of an edge that passes a layer.
    """
    depth = _depths(len(heights), edges)
    chains, layers = _chains(depth, edges)
    near = _neighbours(chains, len(heights))
    for sweep in range(_SWEEPS):
        _order(layers if sweep % 2 else layers[::-1], near)
    wide = [width if i < len(heights) else lane for i in range(1 + max(map(max, layers)))]
    x = _across(layers, near, wide, gap)
    tall = [max([heights[i] for i in layer if i < len(heights)], default=0.0) for layer in layers]
    tops = [sum(tall[:k]) + k * gap for k in range(len(layers))]
    level = {i: k for k, layer in enumerate(layers) for i in layer}
    left = min(x[i] - wide[i] / 2 for i in level)
    right = max(x[i] + wide[i] / 2 for i in level)
    centers = tuple((x[i] - left, tops[level[i]]) for i in range(len(heights)))
    ways = []
    for first, *between, last in chains:
        points = [(centers[first][0], centers[first][1] + heights[first])]
        for place in between:
            top, at = tops[level[place]], x[place] - left
            points += [(at, top), (at, top + tall[level[place]])]
        ways.append((*points, centers[last]))
    return Layout(centers, tuple(ways), right - left, tops[-1] + tall[-1])


def _depths(count: int, edges: Sequence[Edge]) -> list[int]:
    """The longest way from a start to each block."""
    depth = [0] * count
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        depth[target] = max(depth[target], depth[source] + 1)
    return depth


def _chains(depth: list[int], edges: Sequence[Edge]) -> tuple[list[list[int]], list[list[int]]]:
    """For each edge its blocks with a place in every layer between; and what is in each layer."""
    layers: list[list[int]] = [[] for _ in range(max(depth, default=0) + 1)]
    for block, level in enumerate(depth):
        layers[level].append(block)
    chains, fresh = [], len(depth)
    for source, target in edges:
        between = range(depth[source] + 1, depth[target])
        for level in between:
            layers[level].append(fresh + level - depth[source] - 1)
        chains.append([source, *range(fresh, fresh + len(between)), target])
        fresh += len(between)
    return chains, layers


def _neighbours(chains: list[list[int]], blocks: int) -> dict[int, dict[int, int]]:
    """Who is next to whom, and how much it matters that they stand in one line."""
    links = [link for chain in chains for link in itertools.pairwise(chain)]
    after, before = Counter(a for a, _ in links), Counter(b for _, b in links)
    near: dict[int, dict[int, int]] = {}
    for a, b in links:
        passes = a >= blocks and b >= blocks
        straight = after[a] == before[b] == 1
        weight = _STRAIGHT if straight and (passes or max(a, b) < blocks) else 1
        near.setdefault(a, {})[b] = weight
        near.setdefault(b, {})[a] = weight
    return near


def _order(layers: list[list[int]], near: dict[int, dict[int, int]]) -> None:
    """Sort each layer by the mean place of the neighbours in the layer before."""
    for before, layer in itertools.pairwise(layers):
        place = {block: k for k, block in enumerate(before)}
        own = {block: k for k, block in enumerate(layer)}
        beside = {block: {n: 1 for n in near.get(block, ()) if n in place} for block in layer}
        layer.sort(key={block: _middle(beside[block], place, own[block]) for block in layer}.__getitem__)


def _across(
    layers: list[list[int]], near: dict[int, dict[int, int]], wide: list[float], gap: float
) -> dict[int, float]:
    """The middle of each place: near the mean of its neighbours, in the order of its layer."""
    x = {block: 0.0 for layer in layers for block in layer}
    for _ in range(_SETTLING):
        for layer in layers:
            wanted = [_middle(near.get(block, {}), x, x[block]) for block in layer]
            x |= dict(zip(layer, _apart(wanted, [wide[block] + gap for block in layer]), strict=True))
    return x


def _apart(wanted: list[float], wide: list[float]) -> list[float]:
    """Places as near to the wanted ones as their widths and their order allow; half pushed to either side."""
    right = list(wanted)
    for k in range(1, len(right)):
        right[k] = max(right[k], right[k - 1] + (wide[k - 1] + wide[k]) / 2)
    left = list(wanted)
    for k in range(len(left) - 2, -1, -1):
        left[k] = min(left[k], left[k + 1] - (wide[k + 1] + wide[k]) / 2)
    return [(a + b) / 2 for a, b in zip(left, right, strict=True)]


def _middle(near: Mapping[int, int], x: Mapping[int, float], default: float) -> float:
    """The mean place of the neighbours, each as often as it matters."""
    total = sum(near.values())
    return sum(weight * x[block] for block, weight in near.items()) / total if total else default
