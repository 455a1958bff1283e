"""Types and shapes of every value, inferred again from the graph's inputs.

What was noted before is dropped first: a length that a pass has fixed would stay symbolic otherwise. A value whose
operator onnx does not know keeps what it had, and so does a dim that onnx cannot tell where a number was noted.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass


def infer_shapes(model: ir.Model) -> None:
    """Write type and shape of every value of the main graph into `model`, as far as onnx can tell."""
    values = [value for node in model.graph for value in node.outputs]
    noted = {value: value.shape for value in values}
    for value in values:
        value.shape = None
    ShapeInferencePass()(model)
    for value, shape in noted.items():
        if value.shape is None or shape is None or len(shape) != len(value.shape):
            value.shape = value.shape or shape
        else:
            pairs = zip(value.shape, shape, strict=True)
            value.shape = ir.Shape(
                old if isinstance(old, int) and not isinstance(new, int) else new for new, old in pairs
            )
