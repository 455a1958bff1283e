"""Many numbers made into one, and sums that go on."""

from __future__ import annotations

from rnnedge_runtime.untrusted.operator_table.attributes import AXES, AXIS, FLAG
from rnnedge_runtime.untrusted.operator_table.node import Node
from rnnedge_runtime.untrusted.operator_table.shapes import axes_in, axis_in, integers
from rnnedge_runtime.untrusted.operator_table.table import Row, Shapes, rows


def _reduced(node: Node) -> Shapes:
    x, axes = node.shape(0), integers(node, 1, "axes")
    if x is None or (axes is None and node.has(1)):
        return (None,)
    if not axes and node.get("noop_with_empty_axes", 0):
        return (x,)
    gone = axes_in(node, axes or range(len(x)), len(x))
    if node.get("keepdims", 1):
        return (tuple(1 if axis in gone else dim for axis, dim in enumerate(x)),)
    return (tuple(dim for axis, dim in enumerate(x) if axis not in gone),)


def _along(node: Node) -> Shapes:
    x = node.shape(0)
    if x is not None:
        axis_in(node, node.get("axis", -1), len(x))
    return (x,)


def _running(node: Node) -> Shapes:
    x, axis = node.shape(0), node.constant(1)
    if axis is not None and (axis.size != 1 or axis.dtype.kind != "i"):
        node.refuse("one number of an axis", f"{axis.dtype}{list(axis.shape)}")
    if axis is not None and x is not None:
        axis_in(node, int(axis.flat[0]), len(x))
    return (x,)


rows(
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
    "ReduceSumSquare",
    Row((1, 2), attributes={"axes": AXES, "keepdims": FLAG, "noop_with_empty_axes": FLAG}, shapes=_reduced),
)
rows("CumSum", Row((2, 2), attributes={"exclusive": FLAG, "reverse": FLAG}, shapes=_running))
rows("Softmax LogSoftmax Hardmax", Row((1, 1), attributes={"axis": AXIS}, shapes=_along))
