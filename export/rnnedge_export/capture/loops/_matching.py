"""One iteration of an unrolled loop, found by comparing iterations.

1. From what leaves the loop, iteration t is compared with t + 1, node by node, backwards. The order of nodes does not
   matter, so dead code does no harm.
2. Where t + 1 takes a value of t, t has taken the same of t - 1: a carried value. What computes it belongs to the body
   too, and is compared in turn.
3. From the compared iteration back to the first: each has to be the same, and the first takes the initial values from
   outside the loop. A first iteration of another form (`h = x[:, 0]`) gives the carried values after it. What is held
   for more than one iteration is then an initial value itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from rnnedge_export.capture.loops._labels import OUTSIDE, hold
from rnnedge_export.capture.loops._loop import Loop, NotALoop
from rnnedge_export.capture.loops._place import difference, place

_ROUNDS = 64
# That many iterations at the end are compared: what is held for long is found by what later ones read.
_LEVELS = 6
Pairs = list[tuple[Node, Node]]


@dataclass(frozen=True)
class Body:
    """Iteration `t`. `carried`: nodes of it that t + 1 reads, and the nodes of t - 1 that t reads in their place.

    `successor`: the node of t + 1 for every node of t. `initial`: the carried values before the first iteration, or
    after it where that is `special`.
    """

    t: int
    nodes: tuple[Node, ...]
    successor: Mapping[Node, Node]
    carried: Mapping[Node, Node]
    initial: Mapping[Node, Node]
    special: bool


def find_body(loop: Loop) -> Body:
    """Raises `NotALoop` where iterations differ, or nothing leaves them."""
    t = max(1, loop.length - _LEVELS)
    after: Mapping[Node, Node] = {}
    # If nothing leaves, the last iteration that another one reads is the last but one.
    last = loop.length - (2 if loop.leaving else 3)
    for level in range(last, t - 1, -1):
        here = _closed(loop, level, after)
        after = {read: node for node, read in here.carried.items()}
    if not set(here.carried) <= set(here.pairs):
        odd = next(node for node in here.carried if node not in here.pairs)
        raise NotALoop(f"not every iteration computes what the next one reads as the one before did: {place(odd)}")
    initial, special = _first(loop, t, here)
    nodes = tuple(node for node in loop.nodes if node in here.pairs)
    drawn = next(
        (each for each in nodes if torch.Tag.nondeterministic_seeded in getattr(each.target, "tags", ())), None
    )
    if drawn is not None:
        raise NotALoop(f"it draws random numbers in {place(drawn)}")
    return Body(t, nodes, here.pairs, here.carried, initial, special)


def _closed(loop: Loop, t: int, after: Mapping[Node, Node]) -> Comparison:
    """Iteration t against the next one, with what the next but one reads of them (`after`), as far as it is known."""
    seeds = _seeds(loop, t)
    for _ in range(_ROUNDS):
        here = Comparison(loop, t, seeds)
        more = [(b, after[b]) for b in here.carried if b in after and b not in here.pairs]
        if not more:
            break
        seeds += more
    return here


def _seeds(loop: Loop, t: int) -> Pairs:
    """What leaves iteration t and t + 1; where nothing does, what the next ones read of them."""
    if loop.leaving:
        return [(a, b) for each in loop.leaving if (a := each.at(t)) is not None and (b := each.at(t + 1)) is not None]
    first, second = (
        [node for node in loop.nodes if loop.iteration[node] == s and _is_read_in(loop, node, s + 1)]
        for s in (t, t + 1)
    )
    if loop.needs_the_last_frame:
        raise NotALoop(
            "it runs from the last frame to the first, or every frame needs the last one; a stream does not have it: "
            "run it forwards only"
        )
    if not first or len(first) != len(second):
        raise NotALoop("no value of every frame leaves it, and nothing goes from one frame to the next")
    return list(zip(first, second, strict=True))


def _is_read_in(loop: Loop, node: Node, t: int) -> bool:
    return any(loop.iteration[user] == t for user in node.users)


class Comparison:
    """Iteration t against t + 1, from pairs of nodes that have to be the same. Raises `NotALoop` where they differ."""

    def __init__(self, loop: Loop, t: int, seeds: Sequence[tuple[Node, Node]]) -> None:
        self.loop, self.t = loop, t
        self.pairs: dict[Node, Node] = {}
        self.carried: dict[Node, Node] = {}
        self._differing: list[tuple[Node, Node]] = []
        for a, b in seeds:
            if not self._same(a, b):
                raise NotALoop(difference(t, *[*self._differing, (a, b)][0]))

    def _same(self, a: Any, b: Any) -> bool:
        if not isinstance(a, Node) or not isinstance(b, Node):
            return _alike(a, b, self._same)
        first, second = self.loop.iteration[a], self.loop.iteration[b]
        if (first, second) == (self.t, self.t + 1):
            return self._paired(a, b)
        if second == self.t and first < self.t:
            return self.carried.setdefault(b, a) is a
        return a is b

    def _paired(self, a: Node, b: Node) -> bool:
        if a in self.pairs:
            return self.pairs[a] is b
        self.pairs[a] = b
        reads = self.loop.reads
        if a in reads or b in reads:
            return a in reads and b in reads and reads[a][0] == reads[b][0]
        alike = a.target is b.target and _alike((a.args, a.kwargs), (b.args, b.kwargs), self._same)
        if not alike:
            self._differing.append((a, b))
        return alike


def _first(loop: Loop, t: int, here: Comparison) -> tuple[dict[Node, Node], bool]:
    """Case 3: (initial values, whether they are those after a special first iteration)."""
    values = after = dict(here.carried)
    for s in range(t - 1, -1, -1):
        step = _Step(loop, s, here.pairs, here.carried)
        left = [(each.at(t), each.at(s)) for each in loop.leaving if each.at(t) is not None]
        pairs = [*values.items(), *(pair for pair in left if pair[1] is not None)]
        if not all(step.same(a, b) for a, b in pairs):
            if s:
                odd = next(iter(values.values()), loop.nodes[0])
                raise NotALoop(difference(s, *(step.differing or [(odd, odd)])[0]))
            return values, True
        after, values = values, {b: step.taken.get(b, a) for b, a in values.items()}
    of_a_frame = any(loop.iteration[value] != OUTSIDE for value in values.values())
    return (after, True) if of_a_frame else (values, False)


class _Step:
    """Iteration s against the body; `taken`: what it reads in the place of each carried value."""

    def __init__(self, loop: Loop, s: int, nodes: Collection[Node], carried: Mapping[Node, Node]) -> None:
        self.loop, self.s, self.nodes = loop, s, nodes
        self.read_as = {a: b for b, a in carried.items()}
        self.pairs: dict[Node, Node] = {}
        self.taken: dict[Node, Node] = {}
        self.differing: list[tuple[Node, Node]] = []

    def same(self, a: Any, b: Any) -> bool:
        """Whether `b` of iteration s stands for `a` of the body."""
        if not isinstance(a, Node) or not isinstance(b, Node):
            return _alike(a, b, self.same)
        if a in self.nodes:
            held = a.target is hold and b.target is not hold
            return self.same(a.args[0], b) if held else self._paired(a, b)
        if a in self.read_as:
            return self.taken.setdefault(self.read_as[a], b) is b
        return a is b

    def _paired(self, a: Node, b: Node) -> bool:
        if a in self.pairs:
            return self.pairs[a] is b
        self.pairs[a] = b
        if a in self.loop.reads:
            return self.loop.reads.get(b) == (self.loop.reads[a][0], self.s)
        alike = a.target is b.target and _alike((a.args, a.kwargs), (b.args, b.kwargs), self.same)
        if not alike:
            self.differing.append((b, a))
        return alike


def _alike(a: Any, b: Any, same: Any) -> bool:
    """Whether two arguments are equal, their nodes by `same`."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return not isinstance(a, Node) and not isinstance(b, Node) and type(a) is type(b) and bool(a == b)


def at_end(loop: Loop, body: Body) -> dict[Node, Node]:
    """The node of the last iteration for nodes of the body, as far as the last iteration has them."""
    last = _Step(loop, loop.length - 1, body.nodes, body.carried)
    for each in loop.leaving:
        end = each.at(loop.length - 1)
        if end is not None:
            last.same(each.at(body.t), end)
    found = dict(last.pairs)
    for node in body.carried:
        candidates = (other for other in loop.nodes if loop.iteration[other] == loop.length - 1)
        for other in candidates if node not in found and node not in loop.reads else ():
            step = _Step(loop, loop.length - 1, body.nodes, body.carried)
            taken = step.same(node, other) and step.taken.values()
            if taken and all(loop.iteration[value] == loop.length - 2 for value in taken):
                found |= step.pairs
                break
    return found
