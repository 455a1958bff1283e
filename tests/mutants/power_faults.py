"""Faults of powers, whole numbers, places and pictures within a frame."""

from __future__ import annotations

from injection import Injection, fault


@fault("codegen", "corners, step", "load")
def power_in_one_part(injection: Injection) -> None:
    """The exponent of a power loses its lower bits."""
    injection.kernel("((exponent - upper) * (float)n + exponent * logarithm_of_m)", "(exponent * logarithm_of_m)")


@fault("codegen", "corners, step", "load")
def power_without_a_sign(injection: Injection) -> None:
    """Odd powers of negative numbers are positive."""
    injection.kernel("sign < 0 && is_odd ? -result : result", "result")


@fault("codegen", "corners, step", "load")
def quotient_rounded_down(injection: Injection) -> None:
    """Quotients of whole numbers go down instead of towards 0."""
    injection.kernel("y == -1 ? whole_negative(x) : x / y", "y == -1 ? whole_negative(x) : x / y - (x % y < 0)")


@fault("codegen", "corners, step", "load")
def whole_remainder_of_the_dividend(injection: Injection) -> None:
    """Remainders have the sign of the dividend."""
    injection.kernel("(rest < 0) != (y < 0) ? rest + y : rest", "(rest < 0) != (y < 0) ? rest : rest")


@fault("codegen", "corners, step", "load")
def bytes_do_not_wrap(injection: Injection) -> None:
    """Sums of bytes go on beyond 255."""
    injection.source("codegen.lower.elementwise:_applied", "node.op in _GROW and", "node.op not in _GROW and")


@fault("codegen", "corners, step", "load")
def neighbours_exchanged(injection: Injection) -> None:
    """Between two points of a picture, each has the weight of the other."""
    injection.source(
        "codegen.lower.resize:_linear",
        "(below, 1 - (at - below)), (below + 1, at - below)",
        "(below, at - below), (below + 1, 1 - (at - below))",
    )


@fault("codegen", "corners, step", "load")
def put_one_further(injection: Injection) -> None:
    """What is put at a place stands one further on."""
    injection.source(
        "codegen.lower.selection:scatter_elements", "np.arange(length, dtype", "np.arange(-1, length - 1, dtype"
    )


@fault("capture", "corners")
def only_the_first_is_added(injection: Injection) -> None:
    """Of several values that are added at one place the first one is."""
    injection.fresh_capture()
    injection.source("capture._chosen_values:_turns", "max(map(len, given), default=0)", "1")


@fault("capture", "corners")
def added_in_the_place(injection: Injection) -> None:
    """What is added at places takes the place of what is there."""
    injection.fresh_capture()
    injection.source(
        "capture._chosen_values:_replace", "found, taken) if put.added else taken", "taken, taken) if False else taken"
    )
