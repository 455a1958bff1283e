"""Sums, products, quotients, powers, comparisons and logic, number by number."""

from __future__ import annotations

from rnnedge_runtime.careful.operator_table.attributes import FLAG, Word
from rnnedge_runtime.careful.operator_table.node import Node
from rnnedge_runtime.careful.operator_table.table import ANY, Row, rows

_INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def _divisor(node: Node) -> None:
    """An integer divisor is a constant without 0 and -1: the quotient of the least number by -1 ends the process."""
    if node.type(0) in (None, *_INTEGERS) and node.type(1) in (None, *_INTEGERS):
        divisor = node.constant(1)
        if divisor is None or (divisor == 0).any() or (divisor == -1).any():
            node.refuse("constants without 0 and -1 as divisors of integers", node.inputs[1])


rows("Add Sub Mul Pow", Row((2, 2)))
rows("Div", Row((2, 2), check=_divisor))
rows("Mod", Row((2, 2), attributes={"fmod": FLAG}, check=_divisor))
rows("BitShift", Row((2, 2), attributes={"direction": Word(("LEFT", "RIGHT"), required=True)}))
rows("BitwiseAnd BitwiseOr BitwiseXor", Row((2, 2)))
rows("Max Min Mean Sum", Row((1, ANY)))
rows("And Equal Greater GreaterOrEqual Less LessOrEqual Or Xor", Row((2, 2), result="bool"))
rows("PRelu", Row((2, 2)))
rows("Where", Row((3, 3), result=lambda node: (node.type(1),)))
