"""A valid node or more of every operator that a file from somebody else may use: attributes and inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

Sample = tuple[dict[str, Any], tuple[Any, ...]]
"""Attributes; inputs: a tuple is the shape of data of any type, an array a parameter of its own type, None left out."""

SAMPLES: dict[str, list[Sample]] = {}


def _add(names: str, attributes: dict[str, Any], *inputs: Any) -> None:
    for name in names.split():
        SAMPLES.setdefault(name, []).append((attributes, inputs))


def _ints(*values: int) -> Any:
    return np.array(values, np.int64)


def _floats(*values: float) -> Any:
    return np.array(values, np.float32)


_add("Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Exp Floor HardSwish Identity Log Mish Neg Reciprocal Relu "
     "Round Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh IsNaN IsInf Celu Elu LeakyRelu ThresholdedRelu "
     "HardSigmoid Selu Gelu Shape Size Shrink GlobalAveragePool GlobalMaxPool Not Dropout", {}, (2, 3, 4))  # fmt: skip
_add("Add Sub Mul Pow Div Mod Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor PRelu Max Min Mean Sum", {},
     (2, 3, 4), (3, 4))  # fmt: skip
_add("Div Mod", {}, _ints(-(1 << 63), 7, 8), _ints(3, 2, 1))
_add("Div Mod", {}, np.array([-(1 << 31), 7], np.int32), np.array([3, 2], np.int32))
_add("Mod", {"fmod": 1}, (3,), (3,))
_add("BitShift", {"direction": "LEFT"}, np.array([1, 2], np.uint8), np.array([1, 2], np.uint8))
_add("BitwiseAnd BitwiseOr BitwiseXor", {}, _ints(1, 2), _ints(3, 1))
_add("BitwiseNot", {}, _ints(1, 2))
_add("Where", {}, np.array([True, False, True]), (2, 3), (3,))
_add("Clip", {}, (2, 3), np.float32(-1), np.float32(1))
_add("CastLike", {}, (2, 3), (1,))
for _to in (1, 2, 3, 6, 7, 9, 10, 11):
    _add("Cast", {"to": _to, "saturate": 1}, (2, 3))
_add("Gather", {"axis": 0}, (3, 4), _ints(0, 2))
_add("GatherElements", {"axis": 1}, (3, 4), np.array([[0, 1], [2, 3], [1, 1]]))
_add("GatherND", {"batch_dims": 0}, (3, 4), np.array([[0, 1]]))
_add("GatherND", {"batch_dims": 1}, (3, 4, 2), np.array([[0], [1], [2]]))
for _reduction in ("none", "add", "mul", "max", "min"):
    _add("ScatterND", {"reduction": _reduction}, (4, 3), np.array([[1], [3]]), (2, 3))
    _add("ScatterElements", {"axis": 1, "reduction": _reduction}, (3, 4), np.array([[0, 1], [2, -1]]), (2, 2))
_add("ReverseSequence", {"batch_axis": 1, "time_axis": 0}, (4, 3, 2), _ints(1, 4, 2))
_add("TopK", {"axis": -1, "largest": 1, "sorted": 1}, (3, 5), _ints(2))
_add("TopK", {"largest": 0, "sorted": 0}, (70,), _ints(60))
_add("ArgMax ArgMin", {"axis": 1, "keepdims": 1, "select_last_index": 1}, (3, 4))
_add("ConstantOfShape", {}, _ints(2, 3))
_add("Range", {}, np.int64(0), np.int64(5), np.int64(1))
_add("Range", {}, np.float32(0), np.float32(5), np.float32(1))
_add("Reshape", {}, (2, 6), _ints(3, -1))
_add("Reshape", {"allowzero": 1}, (2, 6), _ints(3, 4))
_add("DepthToSpace", {"blocksize": 2, "mode": "CRD"}, (1, 8, 2, 3))
_add("SpaceToDepth", {"blocksize": 2}, (1, 2, 4, 6))
_add("Flatten", {"axis": 1}, (2, 3, 4))
_add("Squeeze", {}, (1, 3, 1), _ints(0))
_add("Unsqueeze", {}, (3,), _ints(0, 2))
_add("Transpose", {"perm": [1, 0, 2]}, (2, 3, 4))
_add("Expand", {}, (1, 3), _ints(2, 3))
_add("Tile", {}, (2, 3), _ints(1, 2))
_add("Concat", {"axis": 1}, (2, 3), (2, 1))
_add("Slice", {}, (4, 5), _ints(3), _ints(-9), _ints(1), _ints(-1))
_add("Split", {"axis": 0}, (4, 3), _ints(1, 3))
_add("Split", {"axis": 0, "num_outputs": 2}, (4, 3))
for _mode in ("constant", "reflect", "edge", "wrap"):
    _add("Pad", {"mode": _mode}, (2, 3, 4), _ints(0, 0, 1, 0, 0, 2))
_add("Trilu", {"upper": 1}, (2, 3, 3), np.int64(1))
_add("ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
     "ReduceSumSquare", {"keepdims": 0, "noop_with_empty_axes": 0}, (2, 3, 4), _ints(0, 2))  # fmt: skip
_add("CumSum", {"exclusive": 1, "reverse": 1}, (3, 4), np.int64(0))
_add("Softmax LogSoftmax Hardmax", {"axis": 1}, (2, 3, 4))
_add("BatchNormalization", {"epsilon": 1e-5}, (2, 3, 4), (3,), (3,), (3,), (3,))
_add("InstanceNormalization", {"epsilon": 1e-5}, (2, 3, 4), (3,), (3,))
_add("GroupNormalization", {"num_groups": 2}, (2, 4, 3), (4,), (4,))
_add("GroupNormalization", {"num_groups": 2}, (2, 4, 3), (2,), (2,))
_add("LayerNormalization", {"axis": -1}, (2, 3, 4), (4,), (4,))
_add("LpNormalization", {"axis": -1, "p": 2}, (2, 3))
_add("MeanVarianceNormalization", {"axes": [0, 2]}, (2, 3, 4))
for _size in (1, 2, 3):
    _image, _kernel = (6, 7, 5)[:_size], (3, 2, 2)[:_size]
    _all = {"pads": [1] * 2 * _size, "strides": [1] * _size, "dilations": [1] * _size}
    _add("Conv", {**_all, "kernel_shape": list(_kernel)}, (1, 4, *_image), (6, 4, *_kernel), (6,))
    _add("Conv", {"group": 2, "auto_pad": "SAME_UPPER"}, (1, 4, *_image), (6, 2, *_kernel))
    _add("Conv", {"group": 4}, (1, 4, *_image), (4, 1, *_kernel))
    _add("ConvTranspose", {**_all, "output_padding": [0] * _size}, (1, 4, *_image), (4, 6, *_kernel), (6,))
    _add("ConvTranspose", {"group": 2, "output_shape": [9] * _size}, (1, 4, *_image), (4, 3, *_kernel))
    _add("AveragePool MaxPool", {**_all, "kernel_shape": list(_kernel), "ceil_mode": 1}, (1, 3, *_image))
    _add("AveragePool MaxPool", {"kernel_shape": list(_kernel), "auto_pad": "SAME_UPPER"}, (1, 3, *_image))
_add("MatMul", {}, (2, 5, 3), (3, 4))
_add("MatMul", {}, (2, 4, 3), (2, 3, 5))
_add("Gemm", {"alpha": 1.0, "beta": 0.5, "transA": 1, "transB": 1}, (3, 2), (4, 3), (4,))
for _name, _gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
    _rows = 4 * _gates
    for _direction, _count in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
        _said = {"hidden_size": 4, "direction": _direction}
        _add(_name, _said, (5, 2, 3), (_count, _rows, 3), (_count, _rows, 4), (_count, 2 * _rows))
        _add(_name, _said, (5, 2, 3), (_count, _rows, 3), (_count, _rows, 4), (_count, 2 * _rows),
             np.array([5, 3], np.int32), (_count, 2, 4))  # fmt: skip
    _add(_name, {"hidden_size": 4, "layout": 1}, (2, 5, 3), (1, _rows, 3), (1, _rows, 4))
_add("GRU", {"hidden_size": 4, "linear_before_reset": 1}, (5, 2, 3), (1, 12, 3), (1, 12, 4), (1, 24))
for _mode in ("nearest", "linear", "cubic"):
    _add("Resize", {"mode": _mode}, (1, 2, 4, 5), None, _floats(1, 1, 2, 2))
    _add("Resize", {"mode": _mode, "antialias": 0}, (1, 2, 4, 5), None, None, _ints(1, 2, 8, 3))
_add("QuantizeLinear", {"axis": 1}, (2, 3), (3,), np.zeros(3, np.int8))
_add("com.microsoft::MatMulNBits", {"K": 32, "N": 4, "bits": 4, "block_size": 16, "accuracy_level": 4}, (2, 32),
     np.zeros((4, 2, 8), np.uint8), _floats(*range(8)))  # fmt: skip
_add("com.microsoft::MatMulIntegerToFloat", {}, np.zeros((2, 3), np.uint8), np.zeros((3, 4), np.int8), _floats(1),
     _floats(1, 2, 3, 4), np.zeros(1, np.uint8), np.zeros(4, np.int8))  # fmt: skip
_add("com.microsoft::DynamicQuantizeLSTM", {"hidden_size": 4, "direction": "forward"}, (5, 2, 3),
     np.zeros((1, 3, 16), np.int8), np.zeros((1, 4, 16), np.int8), np.zeros((1, 32), np.float32), *[None] * 4,
     _floats(1), np.zeros(1, np.int8), _floats(1), np.zeros(1, np.int8))  # fmt: skip

_KINDS: dict[str, dict[str, str]] = {}
for _schema in onnx.defs.get_all_schemas_with_history():
    if not _schema.domain and _schema.name in SAMPLES:
        _KINDS.setdefault(_schema.name, {}).update(
            (name, str(attribute.type).rpartition(".")[2]) for name, attribute in _schema.attributes.items()
        )


def kinds_of_attributes(operator: str) -> dict[str, str]:
    """The attributes that ONNX knows, in any version, with their types as "INTS" or "STRING"; none of other domains."""
    return _KINDS.get(operator, {})
