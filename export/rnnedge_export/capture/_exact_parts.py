"""What the formulas of `_exact.py` are written with: numbers and tensors of one type, while torch.onnx translates."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript import opset20

# Untyped: onnxscript annotates an operator with the types of its tensors, which a traced call does not hold.
op: Any = opset20


def both(a: Any, b: Any) -> tuple[Any, Any]:
    """Two tensors of one type: a number takes the type of the tensor, and an integer that of a float."""
    a, b = number_of(a), number_of(b)
    if not isinstance(a, ir.Value):
        a = like_of(a, b)
    if not isinstance(b, ir.Value):
        if isinstance(b, float) and a.dtype.is_integer():
            a = as_type(a, ir.DataType.FLOAT)
        b = like_of(b, a)
    if a.dtype.is_integer() and b.dtype.is_floating_point():
        a = as_type(a, b.dtype)
    elif a.dtype != b.dtype:
        b = as_type(b, a.dtype)
    return a, b


def number_of(value: Any) -> Any:
    """A number of the network's code, which torch.onnx hands on as a constant without a type, as a number."""
    if not isinstance(value, ir.Value) or value.dtype is not None:
        return value
    tensor = ir.convenience.get_const_tensor(value)
    if tensor is None:
        raise NotImplementedError("arithmetic with a value whose type is not known")
    return tensor.numpy().item()


def like_of(number: float, like: Any) -> Any:
    return typed(op.Constant(value=ir.tensor(np.asarray(number, like.dtype.numpy()))), like.dtype)


def as_type(value: Any, dtype: ir.DataType) -> Any:
    return typed(op.Cast(value, to=dtype), dtype)


def typed(value: Any, dtype: ir.DataType) -> Any:
    """onnxscript does not say the type of what it has just traced."""
    value.type = ir.TensorType(dtype)
    return value
