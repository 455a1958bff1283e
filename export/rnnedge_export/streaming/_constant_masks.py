"""Masks of lengths that leave every frame in, or out, whatever the length: they are constants.

`torch.arange(n) >= lengths[:, None]` is false for every frame of a sequence that is as long as its tensor, which is
what a module makes of lengths that it is not given. The graph is run at several lengths instead of read.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, replace
from rnnedge_export.graph.dependence import dependent
from rnnedge_export.graph.evaluation import Offline
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.graph.symbolic_dims import grows

_COMPARISONS = {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}


def write_constant_masks(model: ir.Model, builder: GraphBuilder, lengths: Lengths) -> bool:
    """In place; whether there is one."""
    entered = dependent(model.graph)
    masks = [node for node in model.graph if node.op_type in _COMPARISONS and _along_time(node, entered)]
    if not masks:
        return False
    run, names = Offline(model), [str(node.outputs[0].name) for node in masks]
    seen = [run.evaluate(names, 2, lengths.samples[k]) for k in (0, 1, 6, 63)]
    found = False
    for node, *each in zip(masks, *seen, strict=True):
        value = node.outputs[0]
        if all(a.all() for a in each) or not any(a.any() for a in each):
            fixed = builder.const(np.full([1] * len(cast(ir.Shape, value.shape)), each[0].all()), "mask")
            replace(node, builder, [fixed])
            found = True
    return found


def _along_time(node: ir.Node, entered: set[ir.Value]) -> bool:
    """Whether it compares numbers that follow from lengths, of one time axis; a table of pairs has rules of its own."""
    value = node.outputs[0]
    times = [d for d in value.shape or () if not isinstance(d, int) and grows(str(d), "time")]
    return value not in entered and len(times) == 1
