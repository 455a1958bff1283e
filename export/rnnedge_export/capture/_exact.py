"""Functions that torch.onnx writes by formulas which differ from torch at zeros, multiples and large numbers.

Random frames do not show it: their numbers are never exactly 0, and of size 1.

1. `atan2` and `angle`: the quadrant follows the signs of both numbers, those of zeros included: atan2(+0, -1) is +pi.
2. `remainder` and `//` of floats come from the exact remainder of C, as in torch: 1 // 0.1 is 9, and the phase of a
   long stream modulo 2 pi loses nothing. `torch.div` of integers, rounded, is a division of integers: beyond 2^24 a
   float has no place for them.
3. `logsigmoid`, `logaddexp` and `logaddexp2` neither overflow nor lose small sums: logsigmoid(-100) is -100.
4. `sign` of NaN is 0. A square root that is written as a power is a square root.

What is left as it is, because the kernel of onnxruntime decides it: `where` gives +0 for -0; a maximum or minimum over
an axis does not see a NaN behind its first number; |z| of a complex number overflows beyond 1.8e19.

Sources: IEEE 754-2019, 9.2.1 (atan2Pi and its kin); torch c10/util/generic_math.h, `div_floor_floating`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnxscript import opset20

# Untyped: onnxscript annotates an operator with the types of its tensors, which a traced call does not hold.
op: Any = opset20
_LN2 = math.log(2.0)


def _atan2(y: Any, x: Any) -> Any:
    """Case 1: an angle of the first quadrant, turned by the signs; 0 / 0 and infinite / infinite have no slope."""
    height, width = op.Abs(y), op.Abs(x)
    zero, pi = _like(0.0, y), _like(math.pi, y)
    diagonal = _as(op.Greater(height, zero), y.dtype)
    angle = op.Atan(op.Where(op.Equal(height, width), diagonal, op.Div(height, width)))
    turned = op.Where(_is_negative(x), op.Sub(pi, angle), angle)
    # A product, since a `Where` of onnxruntime loses the sign of -0.
    return op.Mul(turned, op.Where(_is_negative(y), _like(-1.0, y), _like(1.0, y)))


def _is_negative(x: Any) -> Any:
    """Of -0 too: the reciprocal has the sign, and where x is infinite x has it."""
    return op.Less(op.Add(x, op.Reciprocal(x)), _like(0.0, x))


def _remainder(a: Any, b: Any) -> Any:
    a, b = _both(a, b)
    if a.dtype.is_integer():
        return op.Mod(a, b)
    rest = op.Mod(a, b, fmod=1)
    return op.Where(_other_side(rest, b), op.Add(rest, b), rest)


def _floor_divide(a: Any, b: Any) -> Any:
    a, b = _both(a, b)
    if a.dtype.is_integer():
        apart = op.Xor(op.Less(a, _like(0, a)), op.Less(b, _like(0, b)))
        whole = op.Div(a, b)
        uneven = op.Not(op.Equal(op.Mul(whole, b), a))
        return op.Sub(whole, _as(op.And(apart, uneven), a.dtype))
    rest = op.Mod(a, b, fmod=1)
    quotient = op.Sub(op.Div(op.Sub(a, rest), b), _as(_other_side(rest, b), a.dtype))
    # What was divided is a multiple but for its rounding.
    floor = op.Floor(quotient)
    nearest = op.Add(floor, _as(op.Greater(op.Sub(quotient, floor), _like(0.5, a)), a.dtype))
    return op.Where(op.Equal(b, _like(0.0, b)), op.Div(a, b), nearest)


def _other_side(rest: Any, b: Any) -> Any:
    """Whether a remainder of C, which has the sign of the dividend, is not 0 and has another sign than the divisor."""
    zero = _like(0.0, b)
    return op.And(op.Not(op.Equal(rest, zero)), op.Xor(op.Less(rest, zero), op.Less(b, zero)))


def _divide(a: Any, b: Any, rounding_mode: str | None = None) -> Any:
    a, b = _both(a, b)
    if rounding_mode == "floor":
        return _floor_divide(a, b)
    if a.dtype.is_integer():
        if rounding_mode is None:
            return op.Div(_as(a, ir.DataType.FLOAT), _as(b, ir.DataType.FLOAT))
        return op.Div(a, b)
    quotient = op.Div(a, b)
    return quotient if rounding_mode is None else op.Mul(op.Floor(op.Abs(quotient)), op.Sign(quotient))


def _sign(x: Any) -> Any:
    if x.dtype == ir.DataType.BOOL:
        return op.Identity(x)
    zero = _like(0, x)
    return op.Sub(_as(op.Greater(x, zero), x.dtype), _as(op.Less(x, zero), x.dtype))


def _log_sigmoid(x: Any) -> Any:
    return op.Neg(op.Softplus(op.Neg(x)))


def _log_sigmoid_forward(x: Any) -> Any:
    """The second output serves the gradient."""
    return _log_sigmoid(x), op.Exp(op.Neg(op.Abs(x)))


def _logaddexp(a: Any, b: Any, scale: float = 1.0) -> Any:
    """max + log(1 + e^-|a - b|); two infinities of one sign are not apart."""
    apart = op.Where(op.Equal(a, b), _like(0.0, a), op.Abs(op.Sub(a, b)))
    if scale == 1.0:
        return op.Add(op.Max(a, b), op.Softplus(op.Neg(apart)))
    return op.Add(op.Max(a, b), op.Mul(op.Softplus(op.Mul(apart, _like(-scale, a))), _like(1 / scale, a)))


def _power(x: Any, exponent: float) -> Any:
    if exponent == 0.5 and x.dtype.is_floating_point():
        return op.Sqrt(x)
    if x.dtype.is_integer() and isinstance(exponent, float):
        x = _as(x, ir.DataType.FLOAT)
    return op.Pow(x, _like(exponent, x))


def _both(a: Any, b: Any) -> tuple[Any, Any]:
    """Two tensors of one type: a number takes the type of the tensor, and an integer that of a float."""
    a, b = _number(a), _number(b)
    if not isinstance(a, ir.Value):
        a = _like(a, b)
    if not isinstance(b, ir.Value):
        if isinstance(b, float) and a.dtype.is_integer():
            a = _as(a, ir.DataType.FLOAT)
        b = _like(b, a)
    if a.dtype.is_integer() and b.dtype.is_floating_point():
        a = _as(a, b.dtype)
    elif a.dtype != b.dtype:
        b = _as(b, a.dtype)
    return a, b


def _number(value: Any) -> Any:
    """A number of the network's code, which torch.onnx hands on as a constant without a type, as a number."""
    if not isinstance(value, ir.Value) or value.dtype is not None:
        return value
    tensor = ir.convenience.get_const_tensor(value)
    if tensor is None:
        raise NotImplementedError("arithmetic with a value whose type is not known")
    return tensor.numpy().item()


def _like(number: float, like: Any) -> Any:
    return _typed(op.Constant(value=ir.tensor(np.asarray(number, like.dtype.numpy()))), like.dtype)


def _as(value: Any, dtype: ir.DataType) -> Any:
    return _typed(op.Cast(value, to=dtype), dtype)


def _typed(value: Any, dtype: ir.DataType) -> Any:
    """onnxscript does not say the type of what it has just traced."""
    value.type = ir.TensorType(dtype)
    return value


def without_angles(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Case 1 for `angle`, of which the translation for complex numbers cannot be replaced in torch.onnx."""
    angle = torch.ops.aten.angle.default
    if not any(node.target is angle for node in program.graph.nodes):
        return program
    turned: torch.export.ExportedProgram = program.run_decompositions({angle: _angle})
    return turned


def _angle(z: torch.Tensor) -> torch.Tensor:
    if z.is_complex():
        return torch.atan2(z.imag, z.real)
    return torch.where(z.isnan(), z, (z < 0) * math.pi)


_aten = torch.ops.aten
EXACT: dict[Callable[..., Any], Callable[..., Any]] = {
    _aten.atan2.default: _atan2,
    _aten.remainder.Tensor: _remainder,
    _aten.remainder.Scalar: _remainder,
    _aten.remainder.Scalar_Tensor: _remainder,
    _aten.floor_divide.default: _floor_divide,
    _aten.floor_divide.Scalar: _floor_divide,
    _aten.div.Tensor_mode: _divide,
    _aten.div.Scalar_mode: _divide,
    _aten.sign.default: _sign,
    _aten.sgn.default: _sign,
    _aten.log_sigmoid.default: _log_sigmoid,
    _aten.log_sigmoid_forward.default: _log_sigmoid_forward,
    _aten.logaddexp.default: _logaddexp,
    _aten.logaddexp2.default: lambda a, b: _logaddexp(a, b, _LN2),
    _aten.pow.Tensor_Scalar: _power,
}
