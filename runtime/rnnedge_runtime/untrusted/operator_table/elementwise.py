"""Functions of one number; those without conditions of their own come from the data of `allowed`."""

from __future__ import annotations

from rnnedge_runtime.untrusted.operator_table.allowed import POINTWISE
from rnnedge_runtime.untrusted.operator_table.attributes import FLAG, Integer, Number, Word
from rnnedge_runtime.untrusted.operator_table.node import Node
from rnnedge_runtime.untrusted.operator_table.shapes import same, times
from rnnedge_runtime.untrusted.operator_table.table import Row, Shapes, Types, rows

# TensorProto.DataType of every type that a tensor of a file may have.
TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}


def _cast(node: Node) -> None:
    if node.get("to") not in TYPES:
        node.refuse(f"one of {', '.join(TYPES.values())} as the type of a Cast", node.get("to"))


def _clip(node: Node) -> Shapes:
    """The bounds are one number each."""
    for k in (1, 2):
        bound = node.shape(k)
        if bound is not None and times(bound) not in (1, None):
            node.refuse(f"one number as input {k}", bound)
    return same(node)


def _dropout(node: Node) -> None:
    """It drops nothing: what it would drop is drawn again in every call."""
    training = node.constant(2)
    if node.has(2) and (training is None or training.dtype.kind != "b" or training.any()):
        node.refuse("a constant false as training_mode of Dropout", repr(node.inputs[2][:60]))


def _cast_to(node: Node) -> Types:
    return (TYPES.get(node.get("to")),)


for _name, (_inputs, _numbers, _result) in POINTWISE.items():
    rows(_name, Row(_inputs, attributes=dict.fromkeys(_numbers, Number()), result=_result, shapes=same))
rows("CastLike", Row((2, 2), attributes={"saturate": FLAG}, result=lambda node: (node.type(1),), shapes=same))
rows("IsInf", Row((1, 1), attributes={"detect_negative": FLAG, "detect_positive": FLAG}, result="bool",
                  shapes=same))  # fmt: skip
rows("Gelu", Row((1, 1), attributes={"approximate": Word(("none", "tanh"))}, shapes=same))
rows("Clip", Row((1, 3), optional_inputs=(1,), attributes={"min": Number(), "max": Number()}, shapes=_clip))
rows(
    "Cast",
    Row(
        (1, 1),
        attributes={"to": Integer(1, 16, required=True), "saturate": FLAG},
        result=_cast_to,
        check=_cast,
        shapes=same,
    ),
)
rows(
    "Dropout",
    Row((1, 3), (1, 2), optional_inputs=(1,), attributes={"ratio": Number(0, 1), "seed": Integer(-(1 << 31), 1 << 31)},
        result=lambda node: (node.type(0), "bool"), check=_dropout, shapes=lambda node: (node.shape(0), node.shape(0))),
)  # fmt: skip
