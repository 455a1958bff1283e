"""Faults of compiled code at odd sizes, in blocks, of contexts and of places that are computed."""

from __future__ import annotations

from injection import Injection, fault


@fault("codegen", "voice, step", "load")
def reset_forgets_the_context(injection: Injection) -> None:
    """A reset in C forgets the context."""
    injection.source("codegen.render._c_api:functions", "if not one.state.context]", "if True]")


@fault("codegen", "tokens, step", "load")
def rows_too_narrow(injection: Injection) -> None:
    """The last number of a row of a table is not copied."""
    injection.kernel("&refused) * width, 4 * width)", "&refused) * width, 4 * width - 4)")


@fault("codegen", "peepholes, native", "load")
def bound_of_one_side(injection: Injection) -> None:
    """What is bounded in a cell is bounded above only."""
    injection.kernel("x < -most ? -most : x", "x")


@fault("codegen", "ranges", "load")
def smallest_is_largest(injection: Injection) -> None:
    """The larger of two numbers is the smaller one if they are negative."""
    injection.kernel(
        "INLINE float larger(float x, float y) {",
        "INLINE float larger(float x, float y) {\n  if (x < -50.0f && y < -50.0f) return x < y ? x : y;",
    )


@fault("codegen", "frame numbers, step", "load")
def frame_numbers_in_32_bits(injection: Injection) -> None:
    """Whole numbers that are added wrap around at 32 bits."""
    injection.kernel(
        "return (int64_t)((uint64_t)x + (uint64_t)y);",
        "return (int32_t)((uint32_t)x + (uint32_t)y);",
    )


@fault("codegen", "starts, step", "load")
def starts_of_zeros(injection: Injection) -> None:
    """States that begin with different numbers begin with the first of them."""
    injection.source(
        "codegen.render._states:_begin",
        "alike = np.array_equal(memory, np.full_like(memory, memory[0]))",
        "alike = True",
    )
