"""Types and shapes of every value, inferred anew from the graph's inputs.

What was noted before is dropped first: a length that a pass has fixed would stay symbolic otherwise. A value whose
operator onnx does not know keeps what it had.
"""

from __future__ import annotations

import onnx_ir as ir


def infer_shapes(model: ir.Model) -> None:
    """Write type and shape of every value of the main graph into `model`, as far as onnx can tell."""
    values = [value for node in model.graph for value in node.outputs]
    noted = {value: value.shape for value in values}
    for value in values:
        value.shape = None
    ir.passes.common.ShapeInferencePass()(model)
    for value, shape in noted.items():
        if value.shape is None:
            value.shape = shape
