"""One scan in the place of an unrolled loop.

1. The body is a graph (carried values, frames, values from outside) -> (carried values, values that leave).
2. A special first iteration has a flag per sequence as one more carried value, 0 before it.
3. What only the last iteration gives, such as the final state, is the last of all iterations.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from rnnedge_export.capture.loops._body import WrittenBody, write_body
from rnnedge_export.capture.loops._loop import Leaving, Loop
from rnnedge_export.capture.loops._matching import Body, at_end, find_body
from rnnedge_export.capture.loops._unrolled import aten

Values = tuple[Tensor, ...]


def run_loop(body: Callable[..., Any], initial: Values, frames: Values, outside: Values) -> tuple[Values, Values]:
    """(carried values after the last frame, values of every frame); frames (time, ...)."""
    if torch.compiler.is_exporting():
        from torch._higher_order_ops.scan import scan

        def step(carry: Values, each: Values) -> tuple[Values, Values]:
            after, found = body(*carry, *each, *outside)
            # The operator refuses results that share memory with each other or with its inputs.
            return tuple(v.clone() for v in after), tuple(v.clone() for v in found)

        after, found = scan(step, tuple(v.clone() for v in initial), frames)
        return tuple(after), tuple(found)
    carry, rows = initial, []
    for each in zip(*frames, strict=True):
        carry, found = body(*carry, *each, *outside)
        rows.append(found)
    return carry, tuple(torch.stack(column) for column in zip(*rows, strict=True))


def roll_one(module: GraphModule, length: int, batch: tuple[Node, int], index: int) -> None:
    """Roll the first loop of a graph that was captured at `length` frames; raises `NotALoop` where there is none.

    `batch`: the input that has the batch, and its axis.
    """
    loop = Loop(module.graph, length)
    body = find_body(loop)
    _Rolling(module, loop, body, batch, f"body_{index}").run()


class _Rolling:
    """Writes the body, then the scan."""

    def __init__(self, module: GraphModule, loop: Loop, body: Body, batch: tuple[Node, int], name: str) -> None:
        self.module, self.graph, self.loop, self.body = module, module.graph, loop, body
        self.batch, self.name = batch, name
        self.ends = at_end(loop, body)
        self.leaving = [*loop.leaving, *self._last()]

    def run(self) -> None:
        """Put the scan in the place of the loop."""
        written = write_body(self.loop, self.body, self.leaving)
        setattr(self.module, self.name, GraphModule(self.module, written.graph))
        at = min((each.node for each in self.leaving), key=self.loop.nodes.index)
        with self.graph.inserting_before(at):
            call = self._call(written)
            rows = self.graph.call_function(operator.getitem, (call, 1))
            found = [self._found(each, rows, index) for index, each in enumerate(self.leaving)]
        for each, new in zip(self.leaving, found, strict=True):
            new.meta["val"] = each.node.meta["val"]
            each.node.replace_all_uses_with(new, delete_user_cb=partial(self._is_after, each))
        self.graph.eliminate_dead_code()

    def _is_after(self, each: Leaving, user: Node) -> bool:
        inside = {*self.ends.values(), *(one.node for one in self.loop.leaving)}
        return each.how != "last" or user not in inside

    def _last(self) -> list[Leaving]:
        """Case 3: nodes of the last iteration that are read after the loop."""
        inside = {*self.ends.values(), *(each.node for each in self.loop.leaving)}
        return [
            Leaving("last", end, 0, (node,) * self.loop.length)
            for node, end in self.ends.items()
            if node not in self.loop.reads and any(user not in inside for user in end.users)
        ]

    def _call(self, written: WrittenBody) -> Node:
        call = self.graph.call_function
        frames = [call(aten.movedim.int, (each.value, each.axis, 0)) for each in written.frames]
        initial: list[Node] = [self.body.initial[node] for node in self.body.carried]
        if self.body.special:
            batch = call(aten.sym_size.int, self.batch)
            initial = [call(aten.zeros.default, ([batch],)), *(call(aten.zeros_like.default, (v,)) for v in initial)]
        body = self.graph.get_attr(self.name)
        return call(run_loop, (body, tuple(initial), tuple(frames), tuple(written.outside)))

    def _found(self, each: Leaving, rows: Node, index: int) -> Node:
        """What leaves the loop, from its values of all frames (time, ...)."""
        row = self.graph.call_function(operator.getitem, (rows, index))
        if each.how == "last":
            return self.graph.call_function(aten.select.int, (row, 0, -1))
        moved = self.graph.call_function(aten.movedim.int, (row, 0, each.axis))
        if each.how == "stack":
            return moved
        return self.graph.call_function(aten.flatten.using_ints, (moved, each.axis, each.axis + 1))
