"""Sums, products, quotients, powers, comparisons and logic, number by number."""

from __future__ import annotations

from rnnedge_runtime.careful.operator_table.attributes import FLAG, Word
from rnnedge_runtime.careful.operator_table.node import Node
from rnnedge_runtime.careful.operator_table.shapes import joined, onto
from rnnedge_runtime.careful.operator_table.table import ANY, Row, Shapes, rows


def _wide(node: Node) -> Shapes:
    return (joined(node, [node.shape(k) for k in range(len(node.inputs))]),)


def _slopes(node: Node) -> Shapes:
    onto(node, node.shape(1), node.shape(0), "slopes")
    return (node.shape(0),)


rows("Add Div Mul Pow Sub", Row((2, 2), shapes=_wide))
rows("Mod", Row((2, 2), attributes={"fmod": FLAG}, shapes=_wide))
rows("BitShift", Row((2, 2), attributes={"direction": Word(("LEFT", "RIGHT"), required=True)}, shapes=_wide))
rows("BitwiseAnd BitwiseOr BitwiseXor", Row((2, 2), shapes=_wide))
rows("Max Min Mean Sum", Row((1, ANY), shapes=_wide))
rows("And Equal Greater GreaterOrEqual Less LessOrEqual Or Xor", Row((2, 2), result="bool", shapes=_wide))
rows("PRelu", Row((2, 2), shapes=_slopes))
rows("Where", Row((3, 3), result=lambda node: (node.type(1),), shapes=_wide))
