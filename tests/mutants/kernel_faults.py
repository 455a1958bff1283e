"""Faults of kernels."""

from __future__ import annotations

from injection import Injection, fault


@fault("codegen", "functions", "load")
def floor_truncates(injection: Injection) -> None:
    """Floor rounds towards zero, of negative numbers too."""
    injection.kernel("return small ? n - (n > x) : x;", "return small ? n : x;")


@fault("codegen", "functions", "load")
def ceiling_is_floor_plus_one(injection: Injection) -> None:
    """The ceiling of a whole number is the next one."""
    injection.kernel("return -floor_of(-x);", "return floor_of(x) + 1.0f;")


@fault("codegen", "functions", "load")
def whole_of_rounds(injection: Injection) -> None:
    """Casts to whole numbers round."""
    injection.kernel("? (int64_t)x : INT64_MIN", "? (int64_t)nearest_of(x) : INT64_MIN")


@fault("codegen", "functions", "load")
def leaky_slope_of_one(injection: Injection) -> None:
    """The slope of a leaky ReLU is on the other side."""
    injection.kernel("slope * x : x", "x : slope * x")


@fault("codegen", "functions", "load")
def hard_swish_sixth(injection: Injection) -> None:
    """The middle of hard swish is off."""
    injection.kernel("x / 6.0f + 0.5f", "x / 6.0f + 0.49f")


@fault("codegen", "functions", "load")
def celu_of_one(injection: Injection) -> None:
    """The CELU does not divide by its alpha."""
    injection.kernel("exponential(x / alpha)", "exponential(x)")


@fault("codegen", "functions", "load")
def selu_without_gamma(injection: Injection) -> None:
    """The SELU has no scale."""
    injection.kernel("return gamma * (x < 0.0f", "return (x < 0.0f")


@fault("codegen", "functions", "load")
def arctan_far(injection: Injection) -> None:
    """The arctangent of large numbers is short of pi/2."""
    injection.kernel("far ? 1.57079633f : middle", "far ? 1.5706f : middle")


@fault("codegen", "functions", "load")
def sine_turns(injection: Injection) -> None:
    """The sine forgets on which half turn it is."""
    injection.kernel("return count & 1 ? -p : p;", "return p;")


@fault("codegen", "functions", "load")
def softplus_of_negative(injection: Injection) -> None:
    """The softplus of negative numbers is theirs."""
    injection.kernel("(x > 0.0f ? x : 0.0f) + logarithm", "x + logarithm")


@fault("codegen", "functions", "load")
def hyperbolic_small(injection: Injection) -> None:
    """A series is used beyond where it holds."""
    injection.kernel("a < 1.0f ? p * s * a + a", "a < 4.0f ? p * s * a + a")


@fault("codegen", "functions", "load")
def erf_middle(injection: Injection) -> None:
    """The series of erf is used too far out."""
    injection.kernel("return a < 0.5f ?", "return a < 0.9f ?")


@fault("codegen", "functions", "load")
def rest_sign(injection: Injection) -> None:
    """The remainder has no sign."""
    injection.kernel("return sign ? -result : result;", "return result;")


@fault("codegen", "odd sizes", "load")
def tail_of_columns(injection: Injection) -> None:
    """One column that is left over is not written."""
    injection.kernel(
        "else if (left > 0) memcpy(y + p * y_row + v * LANES, &sum, 4 * left);",
        "else if (left > 1) memcpy(y + p * y_row + v * LANES, &sum, 4 * left);",
    )


@fault("codegen", "odd sizes", "load")
def tail_of_depth(injection: Injection) -> None:
    """The last row of an odd number of rows is not added."""
    injection.kernel(
        "for (; k < t.count[2]; k++, w += ROW(kind))",
        "for (; k + 1 < t.count[2]; k++, w += ROW(kind))",
    )


@fault("codegen", "odd sizes", "load")
def partial_sums_lost(injection: Injection) -> None:
    """The last of several partial sums is lost."""
    injection.kernel(
        "UNROLL for (int u = 1; u < sums; u++) sum += total[p * sums + u][v];",
        "UNROLL for (int u = 1; u + 1 < sums; u++) sum += total[p * sums + u][v];",
    )


@fault("codegen", "int8 odd, step", "load")
def byte_tail(injection: Injection) -> None:
    """Bytes that are left over are not added."""
    injection.kernel(
        "for (; CHAINS > 1 && g < groups; g++, w += 4 * PANEL)",
        "for (; CHAINS > 1 && g + 1 < groups; g++, w += 4 * PANEL)",
    )


@fault("codegen", "int8 odd, step", "load")
def byte_zero(injection: Injection) -> None:
    """The zero point of bytes is one off."""
    injection.kernel(
        "((const sums *)column_sums)[v] * (-zero - MOVED_X(kind))",
        "((const sums *)column_sums)[v] * (-zero - MOVED_X(kind) + 1)",
    )


@fault("codegen", "int8 odd, step", "load")
def byte_saturates(injection: Injection) -> None:
    """Bytes saturate at 127."""
    injection.kernel(
        "t = t < (float)(255 - zero) ? t : (float)(255 - zero);",
        "t = t < (float)(127 - zero) ? t : (float)(127 - zero);",
    )


@fault("codegen", "int4", "load")
def block_tail_left(injection: Injection) -> None:
    """A last block is filled with ones."""
    injection.kernel(
        "for (int i = size; i < block; i++) rounded[i] = 0;",
        "for (int i = size; i < block; i++) rounded[i] = 1;",
    )


@fault("codegen", "int4", "load")
def block_sum(injection: Injection) -> None:
    """The sum of a block is one too much."""
    injection.kernel("facts[1] = (float)sum;", "facts[1] = (float)(sum + 1);")


@fault("codegen", "int4", "load")
def block_of_127(injection: Injection) -> None:
    """The scale of a block is that of 128 levels."""
    injection.kernel("facts[0] = most / 127.0f;", "facts[0] = most / 128.0f;")


@fault("codegen", "odd sizes", "load")
def depthwise_stride(injection: Injection) -> None:
    """A depthwise convolution reads channels that stand side by side."""
    injection.kernel("y[c] += from[c * channel_step] * k[c];", "y[c] += from[c] * k[c];")


@fault("codegen", "corners, step", "load")
def row_negative(injection: Injection) -> None:
    """Negative numbers of rows are refused."""
    injection.kernel("number < 0 ? number + count : number;", "number;")
