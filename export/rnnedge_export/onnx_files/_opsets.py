"""A file of another opset, brought to one that the passes read, by onnx's own version converter.

1. Opsets from 7 on: onnxruntime runs no older ones, so nothing could be compared with those.
2. A Resize of opset 10 or an Upsample has no attributes for its coordinates. They are what onnxruntime computes for
   those operators: asymmetric and rounded down. The converter leaves the defaults of opset 11, which differ.
3. An operator that is newer than that opset (RMSNormalization, RotaryEmbedding) is written as ONNX defines it, with
   operators that are not.

The proof guards the conversion: what is written is compared with the file as it came.
"""

from __future__ import annotations

import onnx
import onnx.defs
import onnx.inliner
import onnx.shape_inference
import onnx.version_converter

from rnnedge_runtime.errors import ModelRefused

OLDEST, NEWEST = 7, onnx.defs.onnx_opset_version()
# From which weights need not be inputs.
_IR_VERSION = 8
_COORDINATES = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


def opset_of(proto: onnx.ModelProto) -> int:
    """The opset of the default domain, 0 if the file names none."""
    return next((int(entry.version) for entry in proto.opset_import if not entry.domain), 0)


def with_opset(proto: onnx.ModelProto, opset: int, name: str) -> onnx.ModelProto:
    """A copy of `proto` in `opset`; raises `ModelRefused` if the converter has no way for one of its nodes."""
    found = opset_of(proto)
    try:
        proto = _without_newer(proto, found, opset)
        converted: onnx.ModelProto = onnx.version_converter.convert_version(proto, opset)
    # The converter raises RuntimeError and its own types.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelRefused(f"{name}: opset {found} cannot be converted to {opset}: {reason}") from error
    if found < 11:
        _state_coordinates(converted)
    return converted


def _without_newer(proto: onnx.ModelProto, found: int, opset: int) -> onnx.ModelProto:
    """Case 3; a copy whose weights need not be inputs, which the converter insists on for files of IR version 3."""
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    copied.ir_version = max(copied.ir_version, _IR_VERSION)
    used = {node.op_type for node in copied.graph.node if not node.domain}
    newer = [("", operator) for operator in sorted(used) if _is_newer(operator, found, opset)]
    if newer:
        typed = onnx.shape_inference.infer_shapes(copied)
        # The inliner asks for the types of weights there, too.
        typed.graph.value_info.extend(
            onnx.helper.make_tensor_value_info(one.name, one.data_type, one.dims) for one in typed.graph.initializer
        )
        copied = onnx.inliner.inline_selected_functions(typed, newer, inline_schema_functions=True)
    return copied


def _is_newer(operator: str, found: int, opset: int) -> bool:
    if found <= opset or not onnx.defs.has(operator, found):
        return False
    versions = [each.since_version for each in onnx.defs.get_all_schemas_with_history() if each.name == operator]
    return min(versions) > opset


def _state_coordinates(proto: onnx.ModelProto) -> None:
    """Case 2, in place."""
    for node in proto.graph.node:
        if node.op_type == "Resize":
            stated = {attribute.name for attribute in node.attribute}
            missing = {key: value for key, value in _COORDINATES.items() if key not in stated}
            node.attribute.extend(onnx.helper.make_attribute(key, value) for key, value in missing.items())
