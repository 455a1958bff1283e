"""A file of another opset, brought to one that the passes read, by onnx's own version converter.

1. Opsets from 7 on: onnxruntime runs no older ones, so nothing could be compared with those.
2. A Resize of opset 10 or an Upsample has no attributes for its coordinates. They are what onnxruntime computes for
   those operators: asymmetric and rounded down. The converter leaves the defaults of opset 11, which differ.

The proof guards the conversion: what is written is compared with the file as it came.
"""

from __future__ import annotations

import onnx
import onnx.defs
import onnx.version_converter

from rnnedge_runtime.errors import ModelRefused

OLDEST, NEWEST = 7, onnx.defs.onnx_opset_version()
_COORDINATES = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


def opset_of(proto: onnx.ModelProto) -> int:
    """The opset of the default domain, 0 if the file names none."""
    return next((int(entry.version) for entry in proto.opset_import if not entry.domain), 0)


def with_opset(proto: onnx.ModelProto, opset: int, name: str) -> onnx.ModelProto:
    """A copy of `proto` in `opset`; raises `ModelRefused` if the converter has no way for one of its nodes."""
    found = opset_of(proto)
    try:
        converted: onnx.ModelProto = onnx.version_converter.convert_version(proto, opset)
    # The converter raises RuntimeError and its own types.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelRefused(f"{name}: opset {found} cannot be converted to {opset}: {reason}") from error
    if found < 11:
        _state_coordinates(converted)
    return converted


def _state_coordinates(proto: onnx.ModelProto) -> None:
    """Case 2, in place."""
    for node in proto.graph.node:
        if node.op_type == "Resize":
            stated = {attribute.name for attribute in node.attribute}
            missing = {key: value for key, value in _COORDINATES.items() if key not in stated}
            node.attribute.extend(onnx.helper.make_attribute(key, value) for key, value in missing.items())
