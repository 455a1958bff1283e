"""Running sums that a file adds in float64, in float32: the few frames that machine code takes in a call lose nothing.

The exporter writes them for long calls of onnxruntime (`streaming/_compensated.py`): cast, CumSum, and what float32
loses of the sums, in any order of axes. Nothing else in float64 is touched; it is refused by the rules.
"""

from __future__ import annotations

import onnx

_AMONG = ("CumSum", "Sub", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
_DOUBLE, _FLOAT = onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT


def narrow_sums(model: onnx.ModelProto) -> None:
    """Replace the casts around such sums, in place."""
    wide: dict[str, onnx.NodeProto] = {}
    casts: list[onnx.NodeProto] = []
    for node in model.graph.node:
        to = next((attribute.i for attribute in node.attribute if attribute.name == "to"), 0)
        if node.op_type == "Cast" and to == _DOUBLE:
            casts.append(node)
            wide[node.output[0]] = node
        elif any(name in wide for name in node.input):
            if node.op_type == "Cast" and to == _FLOAT:
                casts.append(node)
            elif node.op_type in _AMONG:
                wide[node.output[0]] = node
            else:
                return
    if not any(node.op_type == "CumSum" for node in wide.values()):
        return
    for node in casts:
        node.op_type = "Identity"
        del node.attribute[:]
    kept = [value for value in model.graph.value_info if value.name not in wide]
    del model.graph.value_info[:]
    model.graph.value_info.extend(kept)
