"""How far back attention looks, read from what the offline graph makes of scores, at two lengths.

A frame is out of the window if its weight is 0 whatever scores come. So the mask has to be -infinity, or so low that
scores do not outweigh it: they are taken to be within `_LOUDEST`, far beyond those of any frames, and a mask of -1e9 is
low enough. A bias that only falls with the distance leaves nothing out: where quiet frames give a weight that
underflows, loud ones do not. The window has to be the same at both lengths, and must not reach ahead.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.streaming._caches import counted
from rnnedge_export.streaming.facts import Facts, rank
from rnnedge_runtime.contract import Array

_LENGTHS = ((192, 384), (1536, 2304))
_LOUDEST = 1e8
# e^x is 0 in float32 below it, denormal numbers included.
_UNDERFLOW = -104.0
REMEDY = (
    "bound its window: fill the scores of every frame that is more than that many frames old, and of every later one, "
    "with -inf, or use a recurrence"
)
_LINEAR = "linear attention is a recurrence: write that, with rnnedge.nn.time_loop or associative_scan"


def window(node: ir.Node, facts: Facts) -> int:
    """How many frames back the weights reach."""
    before = _before_softmax(node)
    if before is None:
        facts.refuse(
            node, "both operands change with time, and no softmax over the frames follows", f"{REMEDY}; {_LINEAR}"
        )
    for lengths in _LENGTHS:
        found = []
        for seed, length in enumerate(lengths):
            reached = _reached(str(before.name), facts, facts.at_least(length), seed)
            rows, columns = np.nonzero(reached)
            distance = rows - columns
            if distance.size and distance.min() < 0:
                facts.refuse(node, f"attention looks {counted(int(-distance.min()))} ahead", REMEDY)
            found.append((int(distance.max(initial=0)), reached.shape[-1]))
        (back, size), (again, _) = found
        if back == again and back + 1 < size:
            return back
    return facts.refuse(
        node,
        "attention over the whole past, which grows without bound (a bias that falls with the distance masks nothing)",
        REMEDY,
    )


def _reached(name: str, facts: Facts, total: int, seed: int) -> Array:
    """Which columns may have a weight in which rows, (rows, columns), where all scores are within `_LOUDEST`.

    The weight of a column is largest where its own score is as high, and those of all others are as low as can be.
    """
    products = facts.offline.products(name)
    arrays = [
        facts.offline.evaluate([name], 1, total, seed=seed, given=dict.fromkeys(products, score))[0]
        for score in (-_LOUDEST, 0.0, _LOUDEST)
    ]
    high, low = np.maximum.reduce(arrays), np.minimum.reduce(arrays)
    # Of a row in which every column can be left out, every one that is not always left out has a weight at times.
    others = np.maximum(low.max(axis=-1, keepdims=True), np.finfo(np.float32).min)
    reached: Array = (high - others > _UNDERFLOW).reshape(-1, *high.shape[-2:]).any(axis=0)
    return reached


def _before_softmax(node: ir.Node) -> ir.Value | None:
    """What becomes weights, made of a product of frames with frames."""
    waiting, seen = [node.outputs[0]], set()
    while waiting:
        value = waiting.pop()
        for reader, _ in value.uses():
            if reader.op_type == "Softmax":
                axis = reader.attributes.get_int("axis", -1) % rank(value)
                return value if axis == rank(value) - 1 else None
            if reader not in seen and reader.op_type != "MatMul":
                seen.add(reader)
                waiting.extend(reader.outputs)
    return None
