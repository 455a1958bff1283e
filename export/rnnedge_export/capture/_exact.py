"""Functions that torch.onnx writes by formulas which differ from torch at zeros, multiples and large numbers.

Random frames do not show it: their numbers are never exactly 0, and of size 1.

1. `atan2` and `angle`: the quadrant follows the signs of both numbers, those of zeros included: atan2(+0, -1) is +pi.
2. `remainder` and `//` of floats come from the exact remainder of C, as in torch: 1 // 0.1 is 9, and the phase of a
   long stream modulo 2 pi loses nothing. `torch.div` of integers, rounded, is a division of integers: beyond 2^24 a
   float has no place for them.
3. `logsigmoid`, `logaddexp` and `logaddexp2` neither overflow nor lose small sums: logsigmoid(-100) is -100.
4. `sign` and `heaviside` of NaN are 0, `logit` and `xlogy` of NaN are NaN. A root as a power is a square root.
   `signbit` and `copysign` see the sign of a zero; `hypot` does not overflow; `fmax` and `fmin` pass by a NaN.
5. A whole number is rounded already: ONNX rounds floats only.

What is left as it is, because the kernel of onnxruntime decides it: `where` gives +0 for -0; a maximum or minimum over
an axis does not see a NaN after its first number; |z| of a complex number overflows beyond 1.8e19.

Sources: IEEE 754-2019, 9.2.1 (atan2Pi and its kin); torch c10/util/generic_math.h, `div_floor_floating`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch

from rnnedge_export.capture._exact_parts import as_type, both, like_of, op, typed

_LN2 = math.log(2.0)


def _atan2(y: Any, x: Any) -> Any:
    """Case 1: an angle of the first quadrant, turned by the signs; 0 / 0 and infinite / infinite have no slope."""
    height, width = op.Abs(y), op.Abs(x)
    zero, pi = like_of(0.0, y), like_of(math.pi, y)
    diagonal = as_type(op.Greater(height, zero), y.dtype)
    angle = op.Atan(op.Where(op.Equal(height, width), diagonal, op.Div(height, width)))
    turned = op.Where(_is_negative(x), op.Sub(pi, angle), angle)
    # A product, since a `Where` of onnxruntime loses the sign of -0.
    return op.Mul(turned, op.Where(_is_negative(y), like_of(-1.0, y), like_of(1.0, y)))


def _is_negative(x: Any) -> Any:
    """Of -0 too: the reciprocal has the sign, and where x is infinite x has it."""
    return op.Less(op.Add(x, op.Reciprocal(x)), like_of(0.0, x))


def _remainder(a: Any, b: Any) -> Any:
    a, b = both(a, b)
    if a.dtype.is_integer():
        return op.Mod(a, b)
    rest = op.Mod(a, b, fmod=1)
    return op.Where(_other_side(rest, b), op.Add(rest, b), rest)


def _floor_divide(a: Any, b: Any) -> Any:
    a, b = both(a, b)
    if a.dtype.is_integer():
        apart = op.Xor(op.Less(a, like_of(0, a)), op.Less(b, like_of(0, b)))
        whole = op.Div(a, b)
        uneven = op.Not(op.Equal(op.Mul(whole, b), a))
        return op.Sub(whole, as_type(op.And(apart, uneven), a.dtype))
    rest = op.Mod(a, b, fmod=1)
    quotient = op.Sub(op.Div(op.Sub(a, rest), b), as_type(_other_side(rest, b), a.dtype))
    # What was divided is a multiple but for its rounding.
    floor = op.Floor(quotient)
    nearest = op.Add(floor, as_type(op.Greater(op.Sub(quotient, floor), like_of(0.5, a)), a.dtype))
    return op.Where(op.Equal(b, like_of(0.0, b)), op.Div(a, b), nearest)


def _other_side(rest: Any, b: Any) -> Any:
    """Whether a remainder of C, which has the sign of the dividend, is not 0 and has another sign than the divisor."""
    zero = like_of(0.0, b)
    return op.And(op.Not(op.Equal(rest, zero)), op.Xor(op.Less(rest, zero), op.Less(b, zero)))


def _divide(a: Any, b: Any, rounding_mode: str | None = None) -> Any:
    a, b = both(a, b)
    if rounding_mode == "floor":
        return _floor_divide(a, b)
    if a.dtype.is_integer():
        if rounding_mode is None:
            return op.Div(as_type(a, ir.DataType.FLOAT), as_type(b, ir.DataType.FLOAT))
        return op.Div(a, b)
    quotient = op.Div(a, b)
    return quotient if rounding_mode is None else op.Mul(op.Floor(op.Abs(quotient)), op.Sign(quotient))


def _sign(x: Any) -> Any:
    if x.dtype == ir.DataType.BOOL:
        return op.Identity(x)
    zero = like_of(0, x)
    return op.Sub(as_type(op.Greater(x, zero), x.dtype), as_type(op.Less(x, zero), x.dtype))


def _heaviside(x: Any, values: Any) -> Any:
    step = as_type(op.Greater(x, like_of(0, x)), x.dtype)
    return op.Where(op.Equal(x, like_of(0, x)), values, step)


def _logit(x: Any, eps: float | None = None) -> Any:
    if eps is not None:
        least, most = like_of(eps, x), like_of(1 - eps, x)
        x = typed(op.Where(op.Less(x, least), least, op.Where(op.Greater(x, most), most, x)), x.dtype)
    return op.Log(op.Div(x, op.Sub(like_of(1.0, x), x)))


def _x_log_y(x: Any, y: Any) -> Any:
    x, y = both(x, y)
    nothing = op.And(op.Equal(x, like_of(0.0, x)), op.Not(op.IsNaN(y)))
    return op.Where(nothing, like_of(0.0, x), op.Mul(x, op.Log(y)))


def _sign_bit(x: Any) -> Any:
    if x.dtype.is_floating_point():
        return _is_negative(x)
    return op.Less(as_type(x, ir.DataType.INT64), like_of(0, as_type(x, ir.DataType.INT64)))


def _copysign(a: Any, b: Any) -> Any:
    a, b = both(a, b)
    return op.Mul(op.Abs(a), op.Where(_is_negative(b), like_of(-1.0, b), like_of(1.0, b)))


def _hypot(a: Any, b: Any) -> Any:
    """The longer side times what it is longer by; two zeros have no slope."""
    one, zero = like_of(1.0, a), like_of(0.0, a)
    longer, shorter = op.Max(op.Abs(a), op.Abs(b)), op.Min(op.Abs(a), op.Abs(b))
    slope = op.Where(op.Equal(shorter, longer), as_type(op.Greater(longer, zero), a.dtype), op.Div(shorter, longer))
    return op.Mul(longer, op.Sqrt(op.Add(op.Mul(slope, slope), one)))


def _of_numbers(choose: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The number where the other is NaN."""

    def chosen(a: Any, b: Any) -> Any:
        a, b = both(a, b)
        if a.dtype.is_integer():
            return choose(a, b)
        return choose(op.Where(op.IsNaN(a), b, a), op.Where(op.IsNaN(b), a, b))

    return chosen


def _rounded(round_floats: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Case 5."""
    return lambda x: round_floats(x) if x.dtype.is_floating_point() else op.Identity(x)


def _log_sigmoid(x: Any) -> Any:
    return op.Neg(op.Softplus(op.Neg(x)))


def _log_sigmoid_forward(x: Any) -> Any:
    """The second output serves the gradient."""
    return _log_sigmoid(x), op.Exp(op.Neg(op.Abs(x)))


def _logaddexp(a: Any, b: Any, scale: float = 1.0) -> Any:
    """max + log(1 + e^-|a - b|); two infinities of one sign are not apart."""
    apart = op.Where(op.Equal(a, b), like_of(0.0, a), op.Abs(op.Sub(a, b)))
    if scale == 1.0:
        return op.Add(op.Max(a, b), op.Softplus(op.Neg(apart)))
    return op.Add(op.Max(a, b), op.Mul(op.Softplus(op.Mul(apart, like_of(-scale, a))), like_of(1 / scale, a)))


def _power(x: Any, exponent: float) -> Any:
    if exponent == 0.5 and x.dtype.is_floating_point():
        return op.Sqrt(x)
    if x.dtype.is_integer() and isinstance(exponent, float):
        x = as_type(x, ir.DataType.FLOAT)
    return op.Pow(x, like_of(exponent, x))


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
    _aten.heaviside.default: _heaviside,
    _aten.logit.default: _logit,
    _aten.xlogy.Tensor: _x_log_y,
    _aten.xlogy.Scalar_Other: _x_log_y,
    _aten.xlogy.Scalar_Self: _x_log_y,
    _aten.signbit.default: _sign_bit,
    _aten.copysign.Tensor: _copysign,
    _aten.copysign.Scalar: _copysign,
    _aten.hypot.default: _hypot,
    _aten.fmax.default: _of_numbers(op.Max),
    _aten.fmin.default: _of_numbers(op.Min),
    _aten.floor.default: _rounded(op.Floor),
    _aten.ceil.default: _rounded(op.Ceil),
    _aten.round.default: _rounded(op.Round),
    _aten.trunc.default: _rounded(lambda x: _divide(x, 1.0, "trunc")),
}
