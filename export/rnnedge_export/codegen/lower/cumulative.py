"""Running sums."""

from __future__ import annotations

from functools import partial

import numpy as np

from rnnedge_export.codegen._ir.expressions import Call, Element
from rnnedge_export.codegen._ir.tensors import FLOAT, Tensor, View, plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable


@rule("CumSum", integers=True)
def running(scope: SymbolTable, node: Node) -> Result:
    """Along a constant axis, one place after the other; exclusive and reverse as well."""
    value = scope.input(node, 0)
    axis = int(scope.array(node, 1, "axis").item()) % len(value.shape)
    exclusive, reverse = (bool(node.attribute(name, 0)) for name in ("exclusive", "reverse"))
    length = value.shape[axis]
    if length == 1 and not exclusive:
        return [value]
    program = scope.program
    source = program.materialized(value)
    target = program.new(value.shape, value.kind)
    zero = program.constant(np.zeros((), np.float32 if value.kind == FLOAT else np.int64))
    order = range(length - 1, -1, -1) if reverse else range(length)
    before: Tensor | None = None
    for turn, place in enumerate(order):
        here = View(target.buffer, np.take(target.index, [place], axis))
        taken = order[turn - 1] if exclusive else place
        one = plain(View(source.buffer, np.take(source.index, [taken], axis)))
        if before is None:
            one = zero.rearranged(partial(np.broadcast_to, shape=here.index.shape)) if exclusive else one
        else:
            views = (*before.views, *one.views)
            function = "add" if value.kind == FLOAT else "whole_sum"
            call = Call(function, (Element(0), Element(1)), program.origin)
            one = Tensor(call, views, here.index.shape, value.kind)
        program.store(one, here)
        before = plain(here)
    return [plain(target)]
