"""Faults of streams in other languages, and of C by itself."""

from __future__ import annotations

from injection import Injection, fault

from rnnedge_export.codegen.render import _bindings


def _planted(injection: Injection, file: str, old: str, new: str) -> None:
    injection.template(_bindings, f"bindings/{file}", old, new)


@fault("binding", "windows ahead, step", "cpp")
def cpp_counts_of_one_call_more(injection: Injection) -> None:
    """How many frames belong to the sequence is said a call too early."""
    _planted(injection, "stream.hpp", "valid(calls_ * ${frames} -", "valid((calls_ + 1) * ${frames} -")


@fault("binding", "windows ahead, step", "cpp")
def cpp_mask_a_frame_early(injection: Injection) -> None:
    """The mask of the beginning takes one frame before frame 0."""
    _planted(injection, "stream.hpp", "- ${delay} + k >= 0", "- ${delay} + k >= -1")


@fault("binding", "windows ahead, step", "cpp")
def cpp_reset_counts_on(injection: Injection) -> None:
    """A reset leaves the count of calls."""
    _planted(injection, "stream.hpp", "    calls_ = 0;\n  }", "  }")


@fault("binding", "reader of four", "cpp")
def cpp_first_frame_for_the_last(injection: Injection) -> None:
    """The last frame of a call is said to be the first."""
    _planted(injection, "stream.hpp", "{${frames} - 1}", "{0}")


@fault("binding", "tagger, step", "cpp")
def cpp_takes_a_nan(injection: Injection) -> None:
    """A NaN is within all bounds."""
    _planted(injection, "stream.hpp", "if (!(number >= low && number <= high))", "if (number < low || number > high)")


@fault("binding", "tokens, step", "cpp")
def cpp_takes_numbers_of_no_row(injection: Injection) -> None:
    """A number of no row is given to the network."""
    injection.source("codegen.render._bindings:_bounds", "low = str(within[0])", "low = str(within[0] - 1)")


@fault("binding", "two inputs, step", "cpp")
def cpp_inputs_in_reverse(injection: Injection) -> None:
    """Inputs of the same shape go in in reverse."""
    injection.source(
        "codegen.render._bindings:_groups",
        '"inputs": [values(port) for port in contract.inputs]',
        '"inputs": [values(port) for port in contract.inputs[::-1]]',
    )


@fault("binding", "voice", "rust")
def rust_value_refused_and_set(injection: Injection) -> None:
    """A value per sequence that is refused is set."""
    _planted(injection, "stream.rs", "@contexts         check(value, ${low}, ${high})?;\n", "")


@fault("binding", "windows ahead, step", "rust")
def rust_frames_of_the_delay(injection: Injection) -> None:
    """The frames before frame 0 are counted."""
    _planted(injection, "stream.rs", "(self.calls * ${frames} - ${delay}).clamp", "(self.calls * ${frames}).clamp")


@fault("binding", "windows ahead, step", "rust")
def rust_mask_of_the_next_call(injection: Injection) -> None:
    """The mask is that of the call after."""
    _planted(injection, "stream.rs", "u8::from(self.calls * ${frames}", "u8::from((self.calls + 1) * ${frames}")


@fault("binding", "tagger, step", "rust")
def rust_reset_of_the_count_only(injection: Injection) -> None:
    """A reset leaves the state."""
    _planted(
        injection,
        "stream.rs",
        "        unsafe { ${name}_reset(self.at()) };\n        self.calls = 0;",
        "        self.calls = 0;",
    )


@fault("binding", "tagger, step", "rust")
def rust_takes_infinities(injection: Injection) -> None:
    """The largest number is an infinity."""
    _planted(injection, "stream.rs", "float32=f32::MIN..f32::MAX", "float32=f32::NEG_INFINITY..f32::INFINITY")


@fault("codegen", "functions", "c")
def floor_of_plain_c(injection: Injection) -> None:
    """In C for any processor floor rounds towards zero."""
    injection.kernel("return small ? n - (n > x) : x;", "return small ? n : x;")
