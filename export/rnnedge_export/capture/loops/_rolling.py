"""One scan in the place of an unrolled loop.

1. The body is a graph (carried values, frames, values from outside) -> (carried values, values that leave).
2. A special first iteration has a flag per sequence as one more carried value, 0 before it.
3. What only the last iteration gives is the carried value after it, or the last of all iterations.
4. Values of every iteration but the first, with others in front of them, are cut and joined.
5. If nothing goes from one iteration to the next, the frames of all sequences are one batch for the body.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

from rnnedge_export.capture.loops._body import WrittenBody, steady, write_body
from rnnedge_export.capture.loops._lifting import Lifting, NotLifted
from rnnedge_export.capture.loops._loop import Leaving, Loop, NotALoop
from rnnedge_export.capture.loops._matching import Body, at_end, find_body
from rnnedge_export.capture.loops._unrolled import Unrolled, aten, shape_of

Values = tuple[Tensor, ...]
_END = (1 << 63) - 1


def run_loop(body: Callable[..., Any], initial: Values, frames: Values, outside: Values) -> tuple[Values, Values]:
    """(carried values after the last frame, values of every frame); frames (time, ...)."""
    if torch.compiler.is_exporting():
        from torch._higher_order_ops.scan import scan

        # It refuses views of one weight too.
        outside = tuple(v.clone() for v in outside)

        def step(carry: Values, each: Values) -> tuple[Values, Values]:
            after, found = body(*carry, *each, *outside)
            # The operator refuses results that share memory with each other or with its inputs, and carried values
            # that lie in another order than the first, such as pictures with channels last.
            return _in_order(after), _in_order(found)

        after, found = scan(step, _in_order(initial), frames)
        return tuple(after), tuple(found)
    carry, rows = initial, []
    for each in zip(*frames, strict=True):
        carry, found = body(*carry, *each, *outside)
        rows.append(found)
    return carry, tuple(torch.stack(column) for column in zip(*rows, strict=True))


def _in_order(values: Values) -> Values:
    return tuple(value.clone(memory_format=torch.contiguous_format) for value in values)


def run_frames(body: Callable[..., Any], frames: Values, outside: Values) -> Values:
    """The values of every frame (time, batch, ...), as the frames are."""
    time, batch = frames[0].shape[:2]
    found = body(*(each.transpose(0, 1).flatten(0, 1) for each in frames), *outside)[1]
    return tuple(each.unflatten(0, (batch, time)).transpose(0, 1) for each in found)


def roll_one(unrolled: Unrolled, lengths: Collection[int], index: int) -> None:
    """Roll the first loop over as many frames as one of `lengths`; raises `NotALoop` if there is none."""
    loop = Loop(unrolled.module.graph, lengths)
    _Rolling(unrolled, loop, find_body(loop), f"body_{index}").run()


def _sort(graph: Graph) -> None:
    """What the loop reads may stand after what leaves it first: every node goes after those that it reads."""
    order = dict[Node, None]()

    def visit(node: Node) -> None:
        if node not in order:
            for given in node.all_input_nodes:
                visit(given)
            order[node] = None

    for node in graph.nodes:
        visit(node)
    last, *others = order
    for node in others:
        last.append(node)
        last = node


class _Rolling:
    """Writes the body, then the scan."""

    def __init__(self, unrolled: Unrolled, loop: Loop, body: Body, name: str) -> None:
        self.unrolled, self.graph, self.loop, self.body, self.name = unrolled, loop.graph, loop, body, name
        self.ends = at_end(loop, body)
        self.inside = {*self.ends.values(), *(each.node for each in loop.leaving)}
        ended = [node for node, end in self.ends.items() if node not in loop.reads and self._is_read_after(end)]
        self.finals = [node for node in ended if node in body.carried]
        self.leaving = [*loop.leaving, *(self._last(node) for node in ended if node not in body.carried)]

    def run(self) -> None:
        """Put the scan, or native recurrences, in the place of the loop."""
        replaced = [*(each.node for each in self.leaving), *(self.ends[node] for node in self.finals)]
        if not replaced:
            raise NotALoop("what its iterations compute is not read frame by frame")
        at = min(replaced, key=self.loop.nodes.index)
        with self.graph.inserting_before(at):
            try:
                found = self._lifted()
            except NotLifted:
                found = self._scanned()
        left = {each.node for each in self.loop.leaving}
        for old, new in zip(replaced, found, strict=True):
            new.meta["val"] = old.meta["val"]
            old.replace_all_uses_with(new, delete_user_cb=self._is_left if old in left else self._is_after)
        _sort(self.graph)
        self.graph.eliminate_dead_code()

    def _lifted(self) -> list[Node]:
        if self.body.special:
            raise NotLifted
        lifting = Lifting(self.graph, self.loop, self.body, self._initial, self.unrolled.batch)
        found = [self._found(each, lifting.sequence(steady(each, self.body))) for each in self.leaving]
        return [*found, *map(lifting.final, self.finals)]

    def _scanned(self) -> list[Node]:
        written = write_body(self.loop, self.body, self.leaving, self.unrolled.batch)
        setattr(self.unrolled.module, self.name, GraphModule(self.unrolled.module, written.graph))
        if not self.body.carried:
            rows = call = self._mapped(written)
        else:
            call = self._call(written)
            rows = self.graph.call_function(operator.getitem, (call, 1))
        each = [self.graph.call_function(operator.getitem, (rows, index)) for index in range(len(self.leaving))]
        found = [self._found(leaving, row) for leaving, row in zip(self.leaving, each, strict=True)]
        return [*found, *(self._carried(call, node) for node in self.finals)]

    def _is_left(self, user: Node) -> bool:
        return True

    def _is_after(self, user: Node) -> bool:
        return user not in self.inside

    def _is_read_after(self, end: Node) -> bool:
        return any(map(self._is_after, end.users))

    def _last(self, node: Node) -> Leaving:
        """Case 3: a node of the last iteration that is read after the loop, and not carried."""
        return Leaving("last", self.ends[node], 0, (node,) * self.loop.length)

    def _mapped(self, written: WrittenBody) -> Node:
        """Case 5."""
        frames = self._frames(written)
        taken = [[n for k, n in enumerate(shape_of(each.value)) if k != each.axis] for each in written.frames]
        given = [shape_of(steady(each, self.body)) for each in self.leaving]
        if self.body.special or any(self.unrolled.batch not in sizes[:1] for sizes in (*taken, *given)):
            raise NotALoop("nothing goes from one iteration to the next, and its values are not one for each sequence")
        return self.graph.call_function(
            run_frames, (self.graph.get_attr(self.name), tuple(frames), tuple(written.outside))
        )

    def _frames(self, written: WrittenBody) -> list[Node]:
        return [self.graph.call_function(aten.movedim.int, (each.value, each.axis, 0)) for each in written.frames]

    def _call(self, written: WrittenBody) -> Node:
        call = self.graph.call_function
        frames = self._frames(written)
        initial = [self._initial(node) for node in self.body.carried]
        if self.body.special:
            flag = call(aten.zeros.default, ([self.unrolled.batch],))
            initial = [flag, *(call(aten.zeros_like.default, (value,)) for value in initial)]
        body = self.graph.get_attr(self.name)
        return call(run_loop, (body, tuple(initial), tuple(frames), tuple(written.outside)))

    def _initial(self, node: Node) -> Node:
        """Of the shape and dtype that it has after an iteration."""
        value = self.body.initial[node]
        if shape_of(value) != shape_of(node):
            value = self.graph.call_function(aten.expand.default, (value, list(shape_of(node))))
        if self.body.initial[node].meta["val"].dtype != node.meta["val"].dtype:
            value = self.graph.call_function(aten.to.dtype, (value, node.meta["val"].dtype))
        return value

    def _carried(self, call: Node, node: Node) -> Node:
        after = self.graph.call_function(operator.getitem, (call, 0))
        index = list(self.body.carried).index(node) + self.body.special
        return self.graph.call_function(operator.getitem, (after, index))

    def _found(self, each: Leaving, row: Node) -> Node:
        """What leaves the loop, from its values of all frames (time, ...)."""
        apply = self.graph.call_function
        if each.how == "last":
            return apply(aten.select.int, (row, 0, -1))
        missing = self.loop.length - each.first - len(each.values)
        if each.first or missing:
            row = apply(aten.slice.Tensor, (row, 0, each.first, -missing if missing else _END))
        moved = apply(aten.movedim.int, (row, 0, each.axis))
        if each.how == "cat":
            moved = apply(aten.flatten.using_ints, (moved, each.axis, each.axis + 1))
        if not each.before:
            return moved
        before = list(each.before)
        if each.how == "stack":
            before = [apply(aten.unsqueeze.default, (value, each.axis)) for value in before]
        return apply(aten.cat.default, ([*before, moved], each.axis))
