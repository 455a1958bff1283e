"""Which iteration of an unrolled loop each node belongs to.

1. That of the latest frame among its ancestors; none (`OUTSIDE`) if it has none.
2. What follows from no frame, but is read by one iteration and the next only, as a counter is, belongs to the first
   that reads it.
3. A value that is read more than one iteration later is held from iteration to iteration (`hold`).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.fx import Graph, Node

OUTSIDE = -1
_LONGEST_HOLD = 4


def hold(value: Tensor) -> Tensor:
    """The value, one iteration later."""
    return value


def labelled(graph: Graph, frames: Mapping[Node, int]) -> dict[Node, int]:
    """The iteration of every node; `frames`: those that read a frame, and its number."""
    label = _latest(graph, frames)
    own = _of_one_iteration(graph, label)
    return _latest(graph, {**frames, **own}) if own else label


def _latest(graph: Graph, known: Mapping[Node, int]) -> dict[Node, int]:
    """Case 1."""
    label: dict[Node, int] = {}
    for node in graph.nodes:
        before = max((label[given] for given in node.all_input_nodes), default=OUTSIDE)
        after = before + 1 if node.target is hold and before != OUTSIDE else before
        label[node] = max(known[node], before) if node in known else after
    return label


def _of_one_iteration(graph: Graph, label: Mapping[Node, int]) -> dict[Node, int]:
    """Case 2."""
    own: dict[Node, int] = {}
    length = max(label.values(), default=OUTSIDE) + 1
    for node in reversed(graph.nodes):
        if node.op == "call_function" and label[node] == OUTSIDE:
            users = {own.get(user, label[user]) for user in node.users}
            first, joined = min(users, default=OUTSIDE), any(_joins(user, label, length) for user in node.users)
            if first > 0 and users <= {first, first + 1} and not joined:
                own[node] = first
    return own


def earliest(graph: Graph, frames: Mapping[Node, int]) -> dict[Node, int]:
    """The earliest frame among the ancestors of the nodes that have one."""
    found: dict[Node, int] = {}
    for node in graph.nodes:
        before = [found[given] for given in node.all_input_nodes if given in found]
        if node in frames:
            found[node] = frames[node]
        elif before:
            found[node] = min(before)
    return found


def drop_holds(graph: Graph) -> None:
    """What the search for another loop has held, is not."""
    for node in graph.find_nodes(op="call_function", target=hold):
        node.replace_all_uses_with(node.args[0])
        graph.erase_node(node)


def insert_holds(graph: Graph, label: Mapping[Node, int], length: int) -> bool:
    """Case 3; whether there was anything to hold. `length`: the number of iterations."""
    found = False
    for node in list(graph.nodes):
        if label[node] == OUTSIDE:
            continue
        lags = {user: label[user] - label[node] for user in node.users if not _joins(user, label, length)}
        late = {user: lag for user, lag in lags.items() if 1 < lag <= _LONGEST_HOLD and user.target is not hold}
        if late:
            _hold(graph, node, late)
            found = True
    return found


def _joins(node: Node, label: Mapping[Node, int], length: int) -> bool:
    """Whether it reads values of almost every iteration."""
    return node.op == "output" or len({label[given] for given in node.all_input_nodes if given in label}) >= length - 2


def _hold(graph: Graph, node: Node, late: Mapping[Node, int]) -> None:
    """A chain of holds after `node`, read by the users that are `late` by that many iterations."""
    held = node
    for lag in range(2, max(late.values()) + 1):
        with graph.inserting_after(held):
            later = graph.call_function(hold, (held,))
        later.meta, held = dict(node.meta), later
        for user in (user for user, after in late.items() if after == lag):
            user.replace_input_with(node, held)
