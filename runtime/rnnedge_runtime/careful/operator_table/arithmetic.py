"""Sums, products, quotients, powers, comparisons and logic, number by number."""

from __future__ import annotations

from rnnedge_runtime.careful.operator_table.attributes import FLAG, Word
from rnnedge_runtime.careful.operator_table.table import ANY, Row, rows

rows("Add Sub Mul Pow", Row((2, 2)))
rows("Div", Row((2, 2)))
rows("Mod", Row((2, 2), attributes={"fmod": FLAG}))
rows("BitShift", Row((2, 2), attributes={"direction": Word(("LEFT", "RIGHT"), required=True)}))
rows("BitwiseAnd BitwiseOr BitwiseXor", Row((2, 2)))
rows("Max Min Mean Sum", Row((1, ANY)))
rows("And Equal Greater GreaterOrEqual Less LessOrEqual Or Xor", Row((2, 2), result="bool"))
rows("PRelu", Row((2, 2)))
rows("Where", Row((3, 3), result=lambda node: (node.type(1),)))
