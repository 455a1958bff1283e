"""Means removed and powers divided out."""

from __future__ import annotations

from rnnedge_runtime.untrusted.operator_table.attributes import AXES, AXIS, LARGEST, Integer, Kind, Number
from rnnedge_runtime.untrusted.operator_table.node import Node
from rnnedge_runtime.untrusted.operator_table.shapes import Dim, axes_in, axis_in, fits, onto
from rnnedge_runtime.untrusted.operator_table.table import Row, Shapes, rows

_EPSILON = Number(0.0)
_STASH = Integer(1, 1)


def _per_channel(node: Node) -> Shapes:
    """Scale, bias and statistics have one number for every channel, axis 1."""
    x = node.shape(0)
    if x is not None and len(x) < 2:
        node.refuse("at least 2 axes", len(x))
    channels = None if x is None else x[1]
    for k in range(1, len(node.inputs)):
        fits(node, node.shape(k), (channels,), f"input {k}")
    return (x,)


def _groups(node: Node) -> Shapes:
    """Scale and bias have one number for every channel, before opset 21 one for every group."""
    x, groups = node.shape(0), node.get("num_groups")
    if x is None:
        return (None,)
    if len(x) < 3:
        node.refuse("at least 3 axes", len(x))
    if x[1] is not None and (x[1] % groups or not x[1]):
        node.refuse(f"a multiple of {groups} channels", x[1])
    for k in (1, 2):
        if node.shape(k) != (groups,):
            fits(node, node.shape(k), (x[1],), f"input {k}")
    return (x,)


def _layer(node: Node) -> Shapes:
    """Scale and bias are broadcast to the axes that are normalized."""
    x = node.shape(0)
    if x is None:
        return (None,)
    axis = axis_in(node, node.get("axis", -1), len(x))
    for k in (1, 2):
        onto(node, node.shape(k), x[axis:], f"input {k}")
    mean: tuple[Dim, ...] = (*x[:axis], *(1 for _ in x[axis:]))
    return (x, mean, mean)


def _along(node: Node) -> Shapes:
    x = node.shape(0)
    if x is not None:
        axis_in(node, node.get("axis", -1), len(x))
    return (x,)


def _over(node: Node) -> Shapes:
    x = node.shape(0)
    if x is not None:
        axes_in(node, node.get("axes", (0, 2, 3)), len(x))
    return (x,)


rows("BatchNormalization", Row((5, 5), attributes={"epsilon": _EPSILON, "momentum": Number(0, 1),
                                                   "training_mode": Integer(0, 0)}, shapes=_per_channel))  # fmt: skip
rows("InstanceNormalization", Row((3, 3), attributes={"epsilon": _EPSILON}, shapes=_per_channel))
rows(
    "GroupNormalization",
    Row(
        (3, 3),
        attributes={"epsilon": _EPSILON, "num_groups": Integer(1, LARGEST, required=True), "stash_type": _STASH},
        shapes=_groups,
    ),
)
_LAYER: dict[str, Kind] = {"axis": AXIS, "epsilon": _EPSILON, "stash_type": _STASH}
rows("LayerNormalization", Row((2, 3), (1, 3), attributes=_LAYER, shapes=_layer))
rows("LpNormalization", Row((1, 1), attributes={"axis": AXIS, "p": Integer(1, 2)}, shapes=_along))
rows("MeanVarianceNormalization", Row((1, 1), attributes={"axes": AXES}, shapes=_over))
