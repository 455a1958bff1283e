"""Faults of the formulas that stand for torch's functions, and of passes that write a graph in another way."""

from __future__ import annotations

from typing import Any

from injection import Injection, fault
from onnxscript.rewriter import RewriteRule

from rnnedge_export.graph import simplification


def _formula(injection: Injection, function: str, old: str, new: str) -> None:
    injection.fresh_capture()
    injection.source(f"capture._exact:{function}", old, new)


@fault("capture", "formulas")
def quadrant_of_minus_zero(injection: Injection) -> None:
    """An angle does not see the sign of a zero on its horizontal side."""
    _formula(injection, "_atan2", "_is_negative(x)", "op.Less(x, zero)")


@fault("capture", "formulas")
def side_of_minus_zero(injection: Injection) -> None:
    """An angle does not see the sign of a zero on its vertical side."""
    _formula(injection, "_atan2", "_is_negative(y)", "op.Less(y, zero)")


@fault("capture", "formulas")
def diagonal_is_flat(injection: Injection) -> None:
    """The angle of two zeros, and of equal sides, is 0."""
    _formula(
        injection, "_atan2", "op.Where(op.Equal(height, width), diagonal,", "op.Where(op.Equal(height, width), zero,"
    )


@fault("capture", "formulas")
def remainder_of_c(injection: Injection) -> None:
    """A remainder has the sign of the dividend."""
    _formula(injection, "_remainder", "op.Where(_other_side(rest, b), op.Add(rest, b), rest)", "rest")


@fault("capture", "formulas")
def quotient_before_the_rest(injection: Injection) -> None:
    """A floor of a rounded quotient: 1 // 0.1 is 10."""
    _formula(injection, "_floor_divide", "op.Div(a, b), nearest)", "op.Div(a, b), op.Floor(op.Div(a, b)))")


@fault("capture", "formulas")
def floor_of_even_quotients(injection: Injection) -> None:
    """Whole numbers of different signs are divided to one less, even ones too."""
    _formula(injection, "_floor_divide", "op.And(apart, uneven)", "apart")


@fault("capture", "formulas")
def wholes_towards_zero(injection: Injection) -> None:
    """Whole numbers are divided towards zero."""
    _formula(injection, "_floor_divide", "op.Sub(whole, as_type(op.And(apart, uneven), a.dtype))", "op.Identity(whole)")


@fault("capture", "formulas")
def cut_is_rounded(injection: Injection) -> None:
    """A division towards zero rounds to the nearest number."""
    _formula(injection, "_divide", "op.Floor(op.Abs(quotient))", "op.Round(op.Abs(quotient))")


@fault("capture", "formulas")
def base_of_two_forgotten(injection: Injection) -> None:
    """A sum of powers of two is scaled once only."""
    _formula(injection, "_logaddexp", "like_of(1 / scale, a)", "like_of(1.0, a)")


@fault("capture", "formulas")
def log_of_a_sigmoid(injection: Injection) -> None:
    """The logarithm of a sigmoid is one of a number that may be 0."""
    _formula(injection, "_log_sigmoid", "op.Neg(op.Softplus(op.Neg(x)))", "op.Log(op.Sigmoid(x))")


@fault("capture", "formulas")
def step_at_zero(injection: Injection) -> None:
    """A step is 0 at 0, whatever stands there."""
    _formula(injection, "_heaviside", "op.Where(op.Equal(x, like_of(0, x)), values, step)", "op.Identity(step)")


@fault("capture", "formulas")
def odds_without_bounds(injection: Injection) -> None:
    """The bounds of a logit are lost."""
    _formula(injection, "_logit", "if eps is not None", "if False")


@fault("capture", "formulas")
def nothing_times_its_logarithm(injection: Injection) -> None:
    """Nothing times its logarithm is no number."""
    _formula(injection, "_x_log_y", "op.Equal(x, like_of(0.0, x))", "op.Equal(x, like_of(-1.0, x))")


@fault("capture", "formulas")
def sign_of_zero_lost(injection: Injection) -> None:
    """A number takes the sign of a zero as positive."""
    _formula(injection, "_copysign", "_is_negative(b)", "op.Less(b, like_of(0.0, b))")


@fault("capture", "formulas")
def bit_of_zero_lost(injection: Injection) -> None:
    """The sign bit of a negative zero is not set."""
    _formula(injection, "_sign_bit", "return _is_negative(x)", "return op.Less(x, like_of(0.0, x))")


@fault("capture", "formulas")
def equal_sides_have_no_slope(injection: Injection) -> None:
    """The long side of two equal ones is one of them."""
    _formula(injection, "_hypot", "as_type(op.Greater(longer, zero), a.dtype)", "zero")


def _rule(injection: Injection, pattern: Any, result: Any, holds: Any) -> None:
    rule = simplification._of_type(RewriteRule(pattern, result, holds))
    injection.fresh_capture()
    injection.value(simplification, "_OF_TYPE", (rule, *simplification._OF_TYPE), (simplification, "fold_constants"))


@fault("capture", "formulas")
def zero_minus_is_nothing(injection: Injection) -> None:
    """A number taken from 0 keeps its sign."""
    _rule(injection, lambda op, x, c: op.Sub(c, x), simplification._operand, simplification._is(0))


@fault("capture", "formulas")
def nearly_one_is_one(injection: Injection) -> None:
    """A factor of 1.000009 is left out."""

    def near(_context: Any, c: Any, **_: Any) -> bool:
        return abs((simplification._scalar(c) or 0.0) - 1) < 1e-5

    _rule(injection, lambda op, x, c: op.Mul(x, c), simplification._operand, near)


@fault("capture", "formulas")
def bounds_that_cross(injection: Injection) -> None:
    """Two bounds become one Clip also if the lower one is above."""
    _rule(
        injection,
        lambda op, x, low, high: op.Max(op.Min(x, high), low),
        simplification._clipped,
        lambda _context, low, high, **_: simplification._scalar(low) is not None,
    )


@fault("form", "formulas")
def small_sigmoids_lost(injection: Injection) -> None:
    """A sigmoid whose share is looked at is 0 below -18."""
    injection.fresh_capture()
    injection.source("graph.small_sigmoids:keep_small_values", "if not any(", "if True or not any(")


@fault("form", "dilated, step")
def taps_side_by_side(injection: Injection) -> None:
    """A dilated convolution that is written as a product reads taps that stand side by side."""
    injection.source("forms.conv_to_gemm:_rewrite", "np.arange(taps) * dilation", "np.arange(taps)")


@fault("form", "dilated, step")
def taps_in_reverse(injection: Injection) -> None:
    """A convolution that is written as a product has its taps in reverse order."""
    injection.source(
        "forms.conv_to_gemm:_rewrite", "weights.transpose(2, 1, 0)", "weights[:, :, ::-1].transpose(2, 1, 0)"
    )


@fault("form", "summary, unrolled")
def state_after_the_padding(injection: Injection) -> None:
    """A chunk that is not full leaves the state after its padding."""
    injection.source(
        "forms._unrolled:_run", "    if last_frame is not None:\n        states", "    if False:\n        states"
    )


@fault("streaming", "dilated, strided")
def windows_too_early(injection: Injection) -> None:
    """A strided window leaves a call before its last frame."""
    injection.source(
        "streaming._window:Window.clock",
        "delay = -(-(room - self.front + clock.delay) // self.stride)",
        "delay = (room - self.front + clock.delay) // self.stride",
    )
