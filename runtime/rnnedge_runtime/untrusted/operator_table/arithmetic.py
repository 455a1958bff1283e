"""Sums, products, comparisons and logic, number by number; the data of `allowed` has most of them."""

from __future__ import annotations

from rnnedge_runtime.untrusted.operator_table.allowed import BROADCASTING
from rnnedge_runtime.untrusted.operator_table.attributes import FLAG, Number, Word
from rnnedge_runtime.untrusted.operator_table.node import Node
from rnnedge_runtime.untrusted.operator_table.shapes import joined, onto
from rnnedge_runtime.untrusted.operator_table.table import Row, Shapes, rows


def _wide(node: Node) -> Shapes:
    return (joined(node, [node.shape(k) for k in range(len(node.inputs))]),)


def _slopes(node: Node) -> Shapes:
    onto(node, node.shape(1), node.shape(0), "slopes")
    return (node.shape(0),)


for _name, (_inputs, _numbers, _result) in BROADCASTING.items():
    rows(_name, Row(_inputs, attributes=dict.fromkeys(_numbers, Number()), result=_result, shapes=_wide))
rows("Pow", Row((2, 2), shapes=_wide))
rows("Mod", Row((2, 2), attributes={"fmod": FLAG}, shapes=_wide))
rows("BitShift", Row((2, 2), attributes={"direction": Word(("LEFT", "RIGHT"), required=True)}, shapes=_wide))
rows("PRelu", Row((2, 2), shapes=_slopes))
rows("Where", Row((3, 3), result=lambda node: (node.type(1),), shapes=_wide))
