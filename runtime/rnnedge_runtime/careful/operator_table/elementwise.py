"""Functions of one number."""

from __future__ import annotations

from rnnedge_runtime.careful.operator_table.attributes import FLAG, Integer, Number, Word
from rnnedge_runtime.careful.operator_table.node import Node
from rnnedge_runtime.careful.operator_table.shapes import same, times
from rnnedge_runtime.careful.operator_table.table import Row, Shapes, Types, rows

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


def _cast_to(node: Node) -> Types:
    return (TYPES.get(node.get("to")),)


rows(
    "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Exp Floor HardSwish Identity Log Mish Neg Reciprocal Relu "
    "Round Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh",
    Row((1, 1), shapes=same),
)
rows("BitwiseNot", Row((1, 1), shapes=same))
rows("Shrink", Row((1, 1), attributes={"bias": Number(), "lambd": Number()}, shapes=same))
rows("CastLike", Row((2, 2), attributes={"saturate": FLAG}, result=lambda node: (node.type(1),), shapes=same))
rows("Not", Row((1, 1), result="bool", shapes=same))
rows("IsNaN", Row((1, 1), result="bool", shapes=same))
rows("IsInf", Row((1, 1), attributes={"detect_negative": FLAG, "detect_positive": FLAG}, result="bool",
                  shapes=same))  # fmt: skip
rows("Celu Elu LeakyRelu Swish ThresholdedRelu", Row((1, 1), attributes={"alpha": Number()}, shapes=same))
rows("HardSigmoid", Row((1, 1), attributes={"alpha": Number(), "beta": Number()}, shapes=same))
rows("Selu", Row((1, 1), attributes={"alpha": Number(), "gamma": Number()}, shapes=same))
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
        result=lambda node: (node.type(0), "bool"), shapes=lambda node: (node.shape(0), node.shape(0))),
)  # fmt: skip
