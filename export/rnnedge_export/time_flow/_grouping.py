"""Which nodes are one block of the picture.

Blocks are merged along an edge only if no other way leads from one to the other, so that the picture has no circle:
1. nodes on a way from a state to what it is in the next call: a cell written out;
2. a node that computes number by number, with the block in front of it;
3. a node that moves axes, or the window of a convolution, with the one block after it;
4. what joins branches, with the same next to it;
5. blocks of one module next to each other; of a network of many blocks, of one parent module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count

from rnnedge_export.time_flow._nodes import Node
from rnnedge_runtime.contract import Contract

Group = list[int]
# Blocks of a picture that a person still reads.
_MANY = 32


class Grouping:
    """Groups of nodes, by index, that are merged step by step; made for one file."""

    def __init__(self, nodes: list[Node], contract: Contract) -> None:
        """`nodes`: in the order of the graph."""
        self.nodes, self._contract = nodes, contract
        self._group_of = list(range(len(nodes)))
        self._members = {i: {i} for i in self._group_of}
        maker = {name: i for i, node in enumerate(nodes) for name in node.writes}
        self._before = [{maker[name] for name in node.reads if name in maker} for node in nodes]
        self._after: list[set[int]] = [set() for _ in nodes]
        for i, before in enumerate(self._before):
            for j in before:
                self._after[j].add(i)
        self._maker = maker

    def run(self) -> list[Group]:
        """The groups that an output depends on, in the order of the graph."""
        live = self._closure(
            {self._maker[p.name] for p in self._contract.outputs if p.name in self._maker}, self._before
        )
        for cell in self._cells():
            self._unite(cell & live)
        self._before = [self._before[i] & live if i in live else set() for i in range(len(self.nodes))]
        self._after = [self._after[i] & live if i in live else set() for i in range(len(self.nodes))]
        self._merge(lambda a, b: self._alone(b) and self.nodes[b].light and self._only(b, self._before))
        self._merge(lambda a, b: self._carries(a) and self._only(a, self._after))
        self._merge(lambda a, b: self._joins(a) and self._joins(b))
        self._merge(lambda a, b: self.name(a) == self.name(b) != "")
        for depth in count(6, -1):
            if depth == 0 or len(self._groups(live)) <= _MANY:
                break
            self._merge_parents(depth)
        return self._groups(live)

    def name(self, index: int) -> str:
        """The module of a group: of its first node that has one."""
        return next((self.nodes[i].module for i in sorted(self._group(index)) if self.nodes[i].module), "")

    def edges(self, groups: list[Group]) -> set[tuple[int, int, str]]:
        """Source and target, by index in `groups`, and the value that goes from one to the other."""
        place = {i: g for g, group in enumerate(groups) for i in group}
        return {
            (place[self._maker[name]], place[i], name)
            for i in place
            for name in self.nodes[i].reads
            if self._maker.get(name) in place and place[self._maker[name]] != place[i]
        }

    def _cells(self) -> Iterable[set[int]]:
        """For each state, the nodes on a way from it to what it is next; cells that share one are one cell."""
        cells: list[set[int]] = []
        for state in self._contract.states:
            readers = {i for i, node in enumerate(self.nodes) if state.input in node.states}
            if state.output not in self._maker:
                continue
            cell = self._between(readers, {self._maker[state.output]})
            for other in [one for one in cells if one & cell]:
                cells.remove(other)
                cell |= other
            cells.append(self._between(cell, cell) if cell else cell)
        return cells

    def _between(self, first: set[int], last: set[int]) -> set[int]:
        return self._closure(first, self._after) & self._closure(last, self._before)

    def _closure(self, start: set[int], neighbours: list[set[int]]) -> set[int]:
        seen, left = set(start), list(start)
        while left:
            new = neighbours[left.pop()] - seen
            seen |= new
            left += new
        return seen

    def _merge(self, wanted: Callable[[int, int], bool]) -> None:
        """Merge along every edge (a, b) of nodes that is wanted, and is the only way between their groups."""
        for b in range(len(self.nodes)):
            for a in sorted(self._before[b]):
                if self._group_of[a] != self._group_of[b] and wanted(a, b) and self._direct(a, b):
                    self._unite({a, b})

    def _merge_parents(self, depth: int) -> None:
        self._merge(lambda a, b: self._parent(a, depth) == self._parent(b, depth) != "")

    def _direct(self, a: int, b: int) -> bool:
        """Whether no way leads from the group of `a` to that of `b` through a third one."""
        both = self._group(a) | self._group(b)
        return self._between(both, both) == both

    def _unite(self, members: set[int]) -> None:
        groups = {self._group_of[i] for i in members}
        for group in sorted(groups)[1:]:
            moved = self._members.pop(group)
            self._members[min(groups)] |= moved
            for i in moved:
                self._group_of[i] = min(groups)

    def _group(self, index: int) -> set[int]:
        return self._members[self._group_of[index]]

    def _groups(self, live: set[int]) -> list[Group]:
        found: dict[int, Group] = {}
        for i in sorted(live):
            found.setdefault(self._group_of[i], []).append(i)
        return self._sorted(list(found.values()))

    def _sorted(self, groups: list[Group]) -> list[Group]:
        """So that every edge goes from an earlier group to a later one."""
        place = {i: g for g, group in enumerate(groups) for i in group}
        needs = [
            {place[j] for i in group for j in self._before[i] if j in place} - {g} for g, group in enumerate(groups)
        ]
        done: list[int] = []
        left = list(range(len(groups)))
        while left:
            ready = next(g for g in left if needs[g] <= set(done))
            done.append(ready)
            left.remove(ready)
        return [groups[g] for g in done]

    def _alone(self, index: int) -> bool:
        return len(self._group(index)) == 1

    def _only(self, index: int, neighbours: list[set[int]]) -> bool:
        """Whether all neighbours of its group on one side are in one group."""
        own = self._group(index)
        return len({self._group_of[j] for i in own for j in neighbours[i] - own}) == 1

    def _carries(self, index: int) -> bool:
        """Whether a group moves axes, or is the window of what comes after it; a delay stands for itself."""
        return all(
            node.moves_only or (node.operator == "Concat" and node.states and kind_of(node.states[0]) != "delay")
            for node in (self.nodes[i] for i in self._group(index))
        )

    def _joins(self, index: int) -> bool:
        """Whether a group is unnamed and computes number by number."""
        members = [self.nodes[i] for i in self._group(index)]
        return all(
            (node.light or node.operator == "Concat") and not node.states and not node.module for node in members
        )

    def _parent(self, index: int, depth: int) -> str:
        return ".".join(self.name(index).split(".")[:depth])


def kind_of(state: str) -> str:
    """What the exporter calls a state: "cache" of "conv.cache#1"."""
    return state.rpartition(".")[2].partition("#")[0]
