"""Faults of compiled code at ties, ends, pads and places, and of whole numbers."""

from __future__ import annotations

from injection import Injection, fault


@fault("codegen", "corners, step", "load")
def sums_of_the_other_end(injection: Injection) -> None:
    """A running sum starts from the other end."""
    injection.source(
        "codegen.lower.cumulative:running",
        "range(length - 1, -1, -1) if reverse",
        "range(length) if reverse else range(length - 1, -1, -1) if not reverse",
    )


@fault("codegen", "corners, step", "load")
def softmax_without_its_largest(injection: Injection) -> None:
    """A softmax does not take the largest number away."""
    injection.source("codegen.lower.softmax:softmax", "[value, folded(scope, value, axes, LARGEST)]", "[value, 0.0]")


@fault("codegen", "corners, step", "load")
def sum_of_powers_overflows(injection: Injection) -> None:
    """A logarithm of a sum of powers does not take the largest number away."""
    injection.source(
        "codegen.lower.reductions:log_sum_exp",
        "[folded(scope, value, positive, LARGEST)]",
        "[combined(scope, 'multiply', [folded(scope, value, positive, LARGEST), 0.0])]",
    )


@fault("codegen", "corners, step", "load")
def largest_of_pads(injection: Injection) -> None:
    """Pads of a maximum are zeros."""
    injection.source("codegen.lower.pooling:pool", "-np.inf if largest else 0.0", "0.0")


@fault("codegen", "corners, step", "load")
def mirror_with_its_edge(injection: Injection) -> None:
    """Reflected numbers begin with the edge itself."""
    injection.source(
        "codegen.lower.layout:pad", "np.pad(index, widths, mode=mode)", 'np.pad(index, widths, mode="symmetric")'
    )


@fault("codegen", "corners, step", "load")
def resized_from_the_middle(injection: Injection) -> None:
    """Places of a resize are those of half pixels."""
    injection.source(
        "codegen.lower.resize:resize",
        "_PLACES[places_by](np.arange(size), ",
        "_PLACES[places_by](np.arange(size) + 0.5, ",
    )


@fault("codegen", "corners, step", "load")
def step_of_a_cut(injection: Injection) -> None:
    """A cut of every second number takes every one, twice as close."""
    injection.source(
        "codegen.lower.layout:slice_",
        "None if stop < 0 else int(stop), int(step))",
        "None if stop < 0 else int(begin - (begin - stop) // step) if step > 1 else int(stop), int(np.sign(step)))",
    )


@fault("codegen", "corners, step", "load")
def row_of_the_next(injection: Injection) -> None:
    """A row that is looked up is the next one, but for the last."""
    injection.kernel("place < count) return place;", "place < count) return place + (place < count - 1);")


@fault("codegen", "corners, step", "load")
def whole_magnitude_is_negative(injection: Injection) -> None:
    """The magnitude of a whole number is its negative."""
    injection.kernel("return x < 0 ? whole_difference(0, x) : x;", "return x > 0 ? whole_difference(0, x) : x;")


@fault("codegen", "corners, step", "load")
def whole_numbers_of_16_bits(injection: Injection) -> None:
    """The smaller of two whole numbers is found by their last 16 bits."""
    injection.kernel("{ return x < y ? x : y; }", "{ return (int16_t)x < (int16_t)y ? x : y; }")


@fault("codegen", "corners, step", "load")
def rest_in_steps_of_nine(injection: Injection) -> None:
    """The long division of a remainder takes nine bits at a time, of which one is lost."""
    injection.kernel(
        "left -= 8) rest = (rest << (left < 8 ? left : 8))",
        "left -= 9) rest = (rest << (left < 9 ? left : 9))",
    )


@fault("codegen", "corners, step", "load")
def rest_of_small_numbers(injection: Injection) -> None:
    """A remainder of a number that is smaller than the divisor is 0."""
    injection.kernel("if (a < b) return x;", "if (a < b) return 0.0f;")


@fault("codegen", "corners, step", "load")
def turns_in_one_part(injection: Injection) -> None:
    """A sine of large numbers takes pi in single precision."""
    injection.kernel("n * 3.141592653589793)", "n * 3.1415927410125732)")


@fault("codegen", "corners, step", "load")
def elu_above(injection: Injection) -> None:
    """The exponential part of an ELU is for numbers below -1 only."""
    injection.kernel(
        "return x < 0.0f ? alpha * (exponential(x) - 1.0f) : x;",
        "return x < -1.0f ? alpha * (exponential(x) - 1.0f) : x;",
    )


@fault("codegen", "functions", "load")
def logarithm_of_large_ones(injection: Injection) -> None:
    """The logarithm of a number beyond 2^20 is that of its double."""
    injection.kernel("y = x == INFINITE ? x : y;", "y = x == INFINITE ? x : x > 1048576.0f ? y + 0.693147182f : y;")


@fault("codegen", "starts", "load")
def gate_that_closes_early(injection: Injection) -> None:
    """A gate of a GRU that is above 0.9 keeps everything."""
    injection.kernel(
        "    y[j] = n + z * (h[j] - n);\n  }\n}\n\n/* The cell",
        "    y[j] = n + (z > 0.9f ? 1.0f : z) * (h[j] - n);\n  }\n}\n\n/* The cell",
    )


@fault("codegen", "corners, step", "load")
def last_of_equal_ones(injection: Injection) -> None:
    """The place of the largest of equal numbers is the last one."""
    injection.source("codegen.lower.argument:argument", "last=last)", "last=True)")


@fault("codegen", "corners, step", "load")
def mean_counts_pads(injection: Injection) -> None:
    """Pads count in a mean that is told not to count them."""
    old = 'bool(node.attribute("count_include_pad", 0))'
    injection.source("codegen.lower.pooling:pool", old, f"({old}, True)[1]")
