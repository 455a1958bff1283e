"""Rules for operators that compute: element by element, by contraction, or along an axis.

A rule takes the `Site` of one node and returns what is known about each of its outputs, or None where it cannot prove
anything. Write F for the full value, b for its base, A for its axes: F = Unsqueeze(b, A).
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from rnnedge_export.forms.singleton.thin import Site, Thin, keep
from rnnedge_export.graph.builder import constant

Rule = Callable[[Site], "list[Thin] | None"]

POINTWISE = """
    Abs Acos Asin Atan Cast Ceil Celu Clip Cos Cosh Dropout Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity IsInf
    IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh
    ThresholdedRelu
"""
BROADCASTING = """
    Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or PRelu Pow Sub Sum Where Xor
"""
ALONG_AXIS = "ArgMax ArgMin Hardmax LogSoftmax Softmax"
REDUCTIONS = """
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
"""


def pointwise(site: Site) -> list[Thin] | None:
    """f(F) = Unsqueeze(f(b), A). Further inputs (bounds of Clip, ratio of Dropout) are scalars."""
    x, *others = site.inputs
    if x is None or any(thin and thin.axes for thin in others):
        return None
    return site.succeed([x.base, *(thin.base if thin else None for thin in others)], x.axes)


def broadcasting(site: Site) -> list[Thin] | None:
    """An axis of the result leaves where every operand that reaches it is of size 1 there, by a fact or as a constant.

    Operands are aligned at the last axis, so an operand of fewer axes keeps its alignment. What a single operand knows
    beyond that is written in full.
    """
    thins = [thin for thin in site.inputs if thin is not None]
    ranks = [thin.rank for thin in thins if thin.rank is not None]
    if len(thins) != len(site.inputs) or len(ranks) != len(thins):
        return None
    rank = max(ranks)
    offsets = [rank - each for each in ranks]
    candidates = {a + offset for thin, offset in zip(thins, offsets, strict=True) for a in thin.axes}
    axes = sorted(
        a
        for a in candidates
        if all(a < offset or _is_one(thin, a - offset) for thin, offset in zip(thins, offsets, strict=True))
    )
    if not axes:
        return None
    operands = []
    for thin, offset in zip(thins, offsets, strict=True):
        own = [a - offset for a in axes if a >= offset]
        if all(a in thin.axes for a in own):
            operands.append(keep(site.builder, thin, own))
        else:
            operands.append(site.builder.op("Squeeze", keep(site.builder, thin), site.builder.ints(*own)))
    return site.succeed(operands, axes)


def _is_one(thin: Thin, axis: int) -> bool:
    if axis in thin.axes:
        return True
    array = None if thin.axes else constant(thin.base)
    return array is not None and array.shape[axis] == 1


def matmul(site: Site) -> list[Thin] | None:
    """F (..., M, K) by a matrix (K, N): any axis of F but K leaves. Two stacks of one rank: common stack axes."""
    a, b = site.inputs
    if a is None or b is None or a.rank is None or b.rank is None or a.rank < 2:
        return None
    if b.rank == 2 and not b.axes:
        axes = [axis for axis in a.axes if axis != a.rank - 1]
    elif a.rank == b.rank:
        axes = [axis for axis in a.axes if axis in b.axes and axis < a.rank - 2]
    else:
        return None
    if not axes:
        return None
    return site.succeed([keep(site.builder, a, axes), keep(site.builder, b, axes if b.axes else ())], axes)


def layer_normalization(site: Site) -> list[Thin] | None:
    """Axes in front of the normalized ones leave; the axis, written from the end, stays right."""
    x, *others = site.inputs
    if x is None or x.rank is None or any(thin and thin.axes for thin in others):
        return None
    axis = site.node.attributes.get_int("axis", -1)
    first = axis if axis < 0 else axis - x.rank
    widths = [thin.rank for thin in others if thin is not None]
    if any(a >= x.rank + first for a in x.axes) or any(width is None or width > -first for width in widths):
        return None
    return site.succeed([x.base, *(thin.base if thin else None for thin in others)], x.axes, axis=first)


def along_axis(site: Site) -> list[Thin] | None:
    """Axes other than the one worked along leave. ArgMax without keepdims moves the axes behind it forward."""
    (x,) = site.inputs
    if x is None or x.rank is None:
        return None
    drops: bool = site.node.op_type.startswith("Arg")
    axis = site.node.attributes.get_int("axis", 0 if drops else -1) % x.rank
    if axis in x.axes:
        return None
    keeps = not drops or site.node.attributes.get_int("keepdims", True)
    axes = x.axes if keeps else tuple(a - (axis < a) for a in x.axes)
    return site.succeed([x.base], axes, axis=x.on_base(axis))


def reduction(site: Site) -> list[Thin] | None:
    """Axes that are not reduced leave; the reduced ones must be a constant."""
    x = site.inputs[0]
    reduced = site.inputs[1] if len(site.inputs) > 1 else None
    numbers = None if reduced is None else constant(reduced.base)
    if x is None or x.rank is None or numbers is None or not numbers.size:
        return None
    over = sorted(int(n) % x.rank for n in numbers)
    if set(over) & set(x.axes):
        return None
    keeps = site.node.attributes.get_int("keepdims", 1)
    axes = x.axes if keeps else tuple(a - sum(o < a for o in over) for a in x.axes)
    return site.succeed([x.base, site.builder.ints(*(x.on_base(o) for o in over))], axes)


def batch_normalization(site: Site) -> list[Thin] | None:
    """Axes behind the channels, axis 1, leave."""
    x, *others = site.inputs
    trains = len(site.node.outputs) > 1
    if x is None or trains or min(x.axes, default=0) < 2 or any(thin and thin.axes for thin in others):
        return None
    return site.succeed([x.base, *(thin.base if thin else None for thin in others)], x.axes)


COMPUTE: dict[str, Rule] = {
    **dict.fromkeys(POINTWISE.split(), pointwise),
    **dict.fromkeys(BROADCASTING.split(), broadcasting),
    **dict.fromkeys(ALONG_AXIS.split(), along_axis),
    **dict.fromkeys(REDUCTIONS.split(), reduction),
    "BatchNormalization": batch_normalization,
    "LayerNormalization": layer_normalization,
    "RMSNormalization": layer_normalization,
    "MatMul": matmul,
}


def constant_ints(thin: Thin | None) -> list[int] | None:
    """The numbers of an input that is a constant integer vector or scalar."""
    array = None if thin is None or thin.axes else constant(thin.base)
    if array is None or thin is None or thin.base.dtype not in (ir.DataType.INT64, ir.DataType.INT32, None):
        return None
    return [int(n) for n in array.reshape(-1)]
