"""A loop of which every recurrence is a cell of torch.nn, as calls on whole sequences.

1. `LSTMCell`, `GRUCell` and `RNNCell` whose state is carried by them alone become one native recurrence each, and so
   does a whole `nn.LSTM`, `GRU` or `RNN` that is called frame by frame.
2. Everything else of the body is computed for all frames at once: with time in front of the axes that it has, or folded
   into the batch where an operator has no other way.
3. A value of the frame before is the sequence, one frame later, after its initial value.
4. Anything else, such as a value of the state that the cell reads again, has a cycle: it stays a scan.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.node import map_arg

from rnnedge_export.capture.loops._labels import hold
from rnnedge_export.capture.loops._loop import Loop
from rnnedge_export.capture.loops._matching import Body
from rnnedge_export.capture.loops._native import CELLS, Recurrence, native_cell, native_layer
from rnnedge_export.capture.loops._unrolled import aten, is_tensor, shape_of

_AS_THEY_ARE = {
    aten.linear.default, aten.layer_norm.default, aten.gelu.default, aten.silu.default, aten.embedding.default,
}  # fmt: skip
# Operators with one axis, and where it stands among their arguments.
_AXES: dict[Any, int] = {
    aten.cat.default: 1, aten.slice.Tensor: 1, aten.select.int: 1, aten.unsqueeze.default: 1, aten.squeeze.dim: 1,
    aten.softmax.int: 1, aten.log_softmax.int: 1, aten.split.Tensor: 2, aten.split_with_sizes.default: 2,
    aten.sum.dim_IntList: 1, aten.mean.dim: 1, aten.amax.default: 1, aten.amin.default: 1,
}  # fmt: skip
_SHAPED = {aten.view.default, aten.reshape.default}
_FOLDED = {
    aten.conv1d.default, aten.conv2d.default, aten.conv2d.padding, aten.conv1d.padding, aten.max_pool2d.default,
    aten.avg_pool2d.default, aten.adaptive_avg_pool2d.default, aten.batch_norm.default, aten.bmm.default,
}  # fmt: skip


class NotLifted(Exception):
    """The loop stays a scan."""


class Lifting:
    """Sequences (time, ...) of the values of a body."""

    def __init__(self, graph: Graph, loop: Loop, body: Body, initial: Callable[[Node], Node], batch: int) -> None:
        self.graph, self.loop, self.body, self.initial, self.batch = graph, loop, body, initial, batch
        self._read_as = {a: b for b, a in body.carried.items()}
        self._known: dict[Node, Node | None] = {}
        self.recurrences: dict[Node, Recurrence] = {}

    def sequence(self, node: Node) -> Node:
        """The values of a node of the body for all frames. Raises `NotLifted`."""
        if node not in self._known:
            self._known[node] = None
            self._known[node] = self._made(node)
        found = self._known[node]
        if found is None:
            raise NotLifted
        return found

    def final(self, node: Node) -> Node:
        """The value of a carried node after the last frame."""
        cell, index = (node.args[0], node.args[1]) if node.target is operator.getitem else (node, 0)
        if isinstance(cell, Node) and (cell.target in CELLS or _is_layer(cell)):
            self._recurrence(cell)
            return self.recurrences[cell].finals[index]  # type: ignore[index]
        return self._call(aten.select.int, self.sequence(node), 0, -1)

    def _call(self, target: Any, *args: Any, **kwargs: Any) -> Node:
        return self.graph.call_function(target, args, kwargs)

    def _made(self, node: Node) -> Node:
        if node in self._read_as:
            return self._later(self._read_as[node])
        if node in self.loop.reads:
            frames = self.loop.reads[node][0]
            moved = self._call(aten.movedim.int, frames.value, frames.axis, 0)
            return self._call(aten.unsqueeze.default, moved, frames.axis + 1) if frames.keeps else moved
        if node.target is hold:
            return self.sequence(node.args[0])  # type: ignore[arg-type]
        if node.target in CELLS:
            return self._recurrence(node).sequence
        if node.target is operator.getitem:
            return self._item(*node.args)
        return self._operator(node)

    def _later(self, node: Node) -> Node:
        """Case 3."""
        first = self._call(aten.unsqueeze.default, self.initial(node), 0)
        rest = self._call(aten.slice.Tensor, self.sequence(node), 0, 0, -1)
        return self._call(aten.cat.default, [first, rest], 0)

    def _item(self, given: Any, index: Any) -> Node:
        if given.target in CELLS or _is_layer(given):
            if index:
                raise NotLifted
            return self._recurrence(given).sequence
        return self._call(operator.getitem, self.sequence(given), index)

    def _recurrence(self, node: Node) -> Recurrence:
        """Case 1."""
        if node not in self.recurrences:
            make = native_layer if _is_layer(node) else native_cell
            states = [self._read_as.get(state) for state in CELLS.get(node.target, _states_of_layer)(node)]
            own = [node] if node.target in CELLS and node.target is not aten.lstm_cell.default else list(node.users)
            if any(state not in own for state in states):
                raise NotLifted
            x = self.sequence(node.args[0])  # type: ignore[arg-type]
            initial = [self.initial(state) for state in states if state is not None]
            self.recurrences[node] = make(self.graph, node, x, initial)
        return self.recurrences[node]

    def _operator(self, node: Node) -> Node:
        """Case 2."""
        target: Any = node.target
        given = [each for each in node.all_input_nodes if self._varies(each)]
        args: Any = map_arg(node.args, self._argument)
        kwargs: Any = map_arg(node.kwargs, self._argument)
        if not given:
            raise NotLifted
        if torch.Tag.pointwise in getattr(target, "tags", ()):
            if len({len(shape_of(each)) for each in given}) > 1:
                raise NotLifted
            return self._call(target, *args, **kwargs)
        if target in _AS_THEY_ARE or (target in (aten.matmul.default, aten.mm.default) and self._by_weights(node)):
            return self._call(aten.matmul.default if target is aten.mm.default else target, *args, **kwargs)
        if target in _AXES:
            return self._call(target, *self._moved_axes(args, _AXES[target]), **kwargs)
        if target in _SHAPED:
            return self._call(aten.reshape.default, args[0], [self.loop.length, *shape_of(node)])
        if target in (aten.transpose.int, aten.permute.default):
            return self._permuted(node, args)
        if target in _FOLDED:
            return self._folded(node)
        raise NotLifted

    def _varies(self, node: Node) -> bool:
        return node in self.body.successor or node in self._read_as or node in self.loop.reads

    def _argument(self, node: Node) -> Node:
        return self.sequence(node) if self._varies(node) else self._outside(node)

    def _outside(self, node: Node) -> Node:
        """A weight or a constant; what has a batch would have to be repeated for every frame."""
        if is_tensor(node) and self.batch in shape_of(node) and node.target is not aten.full.default:
            raise NotLifted
        return node

    def _by_weights(self, node: Node) -> bool:
        first, second = node.all_input_nodes
        return self._varies(first) and not self._varies(second) and len(shape_of(second)) == 2

    def _moved_axes(self, args: tuple[Any, ...], place: int) -> list[Any]:
        """The axes counted from the front move back by one."""

        def moved(axis: Any) -> Any:
            return [moved(each) for each in axis] if isinstance(axis, (list, tuple)) else axis + (axis >= 0)

        axis = args[place] if len(args) > place else 0
        return [*args[:place], moved(axis), *args[place + 1 :]]

    def _permuted(self, node: Node, args: tuple[Any, ...]) -> Node:
        rank = len(shape_of(node))
        order = list(range(rank))
        if node.target is aten.permute.default:
            order = [axis % rank for axis in args[1]]
        else:
            a, b = (axis % rank for axis in args[1:])
            order[a], order[b] = order[b], order[a]
        return self._call(aten.permute.default, args[0], [0, *(axis + 1 for axis in order)])

    def _folded(self, node: Node) -> Node:
        def fold(given: Node) -> Node:
            if not self._varies(given):
                return self._outside(given)
            return self._call(aten.flatten.using_ints, self.sequence(given), 0, 1)

        shapes = [shape_of(each)[0] for each in node.all_input_nodes if self._varies(each)]
        if {*shapes, shape_of(node)[0]} != {self.batch}:
            raise NotLifted
        args: Any = map_arg(node.args, fold)
        kwargs: Any = map_arg(node.kwargs, fold)
        sizes = [self.loop.length, *shape_of(node)]
        return self._call(aten.reshape.default, self._call(node.target, *args, **kwargs), sizes)


def _is_layer(node: Node) -> bool:
    return node.target is torch.ops.rnnedge.recurrence.default


def _states_of_layer(node: Node) -> list[Any]:
    return list(node.args[1:3] if node.args[6] == "LSTM" else node.args[1:2])
