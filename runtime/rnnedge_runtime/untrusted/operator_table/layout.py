"""Tensors that are made, cut, joined, repeated and seen under other shapes."""

from __future__ import annotations

from rnnedge_runtime.untrusted.operator_table import cut_shapes
from rnnedge_runtime.untrusted.operator_table import layout_shapes as shapes
from rnnedge_runtime.untrusted.operator_table.attributes import (
    AXES,
    AXIS,
    FLAG,
    LARGEST,
    MOST_AXES,
    Integer,
    Integers,
    Number,
    Numbers,
    Numeric,
    Word,
)
from rnnedge_runtime.untrusted.operator_table.node import Node
from rnnedge_runtime.untrusted.operator_table.table import ANY, Row, Types, rows

_CONSTANTS = 1 << 16


def _one_value(node: Node) -> None:
    if len(node.attributes) != 1:
        node.refuse("one value of a Constant", sorted(node.attributes))


def _constant_type(node: Node) -> Types:
    value = node.get("value")
    if value is not None:
        return (value.dtype.name,)
    return ("int64" if {"value_int", "value_ints"} & set(node.attributes) else "float32",)


def _filled_type(node: Node) -> Types:
    value = node.get("value")
    return ("float32" if value is None else value.dtype.name,)


def _one_fill(node: Node) -> None:
    value = node.get("value")
    if value is not None and value.size != 1:
        node.refuse("one number to fill with", f"{value.size}")


def _permutation(node: Node) -> None:
    order = node.get("perm")
    rank = node.rank(0)
    if order is not None and (sorted(order) != list(range(len(order))) or (rank is not None and rank != len(order))):
        node.refuse("an order of the axes", order)


def _parts(node: Node) -> None:
    """onnxruntime 1.32 ends the process over a Split into three that says two."""
    count = node.get("num_outputs", len(node.outputs))
    if count != len(node.outputs):
        node.refuse(f"{count} outputs", len(node.outputs))


rows(
    "Constant",
    Row(
        (0, 0),
        attributes={
            "value": Numeric(_CONSTANTS),
            "value_float": Number(),
            "value_floats": Numbers(most=_CONSTANTS),
            "value_int": Integer(-(1 << 63), (1 << 63) - 1),
            "value_ints": Integers(-(1 << 63), (1 << 63) - 1, _CONSTANTS),
        },
        result=_constant_type,
        check=_one_value,
        shapes=shapes.constant,
    ),
)
rows("ConstantOfShape", Row((1, 1), attributes={"value": Numeric(_CONSTANTS)}, result=_filled_type, check=_one_fill,
                           shapes=shapes.filled))  # fmt: skip
rows("Range", Row((3, 3), shapes=shapes.ranged))
rows("Shape", Row((1, 1), attributes={"start": AXIS, "end": AXIS}, result="int64", shapes=shapes.shape))
rows("Size", Row((1, 1), result="int64", shapes=lambda _: ((),)))
rows(
    "DepthToSpace",
    Row(
        (1, 1),
        attributes={"blocksize": Integer(1, LARGEST, required=True), "mode": Word(("DCR", "CRD"))},
        shapes=shapes.spread,
    ),
)
rows("SpaceToDepth", Row((1, 1), attributes={"blocksize": Integer(1, LARGEST, required=True)}, shapes=shapes.stacked))
rows("Reshape", Row((2, 2), attributes={"allowzero": FLAG}, shapes=shapes.reshaped))
rows("Flatten", Row((1, 1), attributes={"axis": AXIS}, shapes=shapes.flattened))
rows("Squeeze", Row((1, 2), attributes={"axes": AXES}, shapes=shapes.squeezed))
rows("Unsqueeze", Row((1, 2), attributes={"axes": AXES}, shapes=shapes.unsqueezed))
rows(
    "Transpose",
    Row(
        (1, 1),
        attributes={"perm": Integers(0, MOST_AXES - 1, MOST_AXES)},
        check=_permutation,
        shapes=shapes.transposed,
    ),
)
rows("Expand", Row((2, 2), shapes=shapes.expanded))
rows("Tile", Row((2, 2), shapes=shapes.tiled))
rows("Concat", Row((1, ANY), attributes={"axis": Integer(-MOST_AXES, MOST_AXES, required=True)},
                   shapes=shapes.concatenated))  # fmt: skip
rows(
    "Slice",
    Row(
        (1, 5),
        optional_inputs=(3,),
        attributes={
            "starts": Integers(-(1 << 63), (1 << 63) - 1, MOST_AXES),
            "ends": Integers(-(1 << 63), (1 << 63) - 1, MOST_AXES),
            "axes": AXES,
        },
        shapes=cut_shapes.sliced,
    ),
)
rows(
    "Split",
    Row(
        (1, 2),
        (1, ANY),
        attributes={"axis": AXIS, "split": Integers(0, LARGEST, ANY), "num_outputs": Integer(1, ANY)},
        check=_parts,
        shapes=cut_shapes.split,
    ),
)
rows(
    "Pad",
    Row(
        (1, 4),
        optional_inputs=(2,),
        attributes={
            "mode": Word(("constant", "reflect", "edge", "wrap")),
            "pads": Integers(-LARGEST, LARGEST),
            "value": Number(),
        },
        shapes=cut_shapes.padded,
    ),
)
rows("Trilu", Row((1, 2), attributes={"upper": FLAG}, shapes=shapes.triangle))
