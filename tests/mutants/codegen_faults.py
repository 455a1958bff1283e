"""Faults of the native compiler: its kernels, its memory, its states, its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from injection import Injection, fault

from rnnedge_export.codegen import render
from rnnedge_export.codegen._ir import ring_buffers
from rnnedge_export.codegen.lower import layout, normalization, softmax
from rnnedge_export.codegen.render import _c_api, _library, _states


def _template(injection: Injection, old: str, new: str) -> None:
    """Other C in what is written for a program."""
    for owner in (_c_api, _library, render):
        injection.text(owner, "filled", old, new)


@fault("codegen", "convolutions, step", "load")
def memory_freed_early(injection: Injection) -> None:
    """A buffer is free for others before its last reader."""
    from rnnedge_export.codegen._ir import memory_plan

    def early(original: Any, buffers: Any, lives: Any, places: Any) -> int:
        shorter = {buffer: (first, max(first, last - 2)) for buffer, (first, last) in lives.items()}
        return original(buffers, shorter, places)

    injection.around(memory_plan, "_place", early)


@fault("codegen", "long window", "load")
def ring_wrong_after_it_wraps(injection: Injection) -> None:
    """The index of a ring begins one frame too far when it wraps."""

    def wrong(original: Any, code: Any, rings: Any) -> None:
        original(code, rings)
        code._lines[:] = [line.replace("? 0 :", f"? {one.fresh} :") for line in code._lines for one in rings[:1]]

    injection.around(_states, "declare_rings", wrong)


@fault("codegen", "convolutions, step", "load")
def ring_written_in_one_half(injection: Injection) -> None:
    """New frames are not written at the second place of a ring, from where it is read after it wraps."""

    def one(original: Any, code: Any, rings: Any) -> None:
        original(code, rings)
        code._lines[:] = [
            line.replace("+ at", "+ 0 * at", 1) if "mirror" in line and "const" in line else line
            for line in code._lines
        ]

    injection.around(_states, "declare_rings", one)


@fault("codegen", "convolutions, step", "load")
def restored_state_in_one_half(injection: Injection) -> None:
    """The state of a ring that is restored is written in one of its two halves."""
    injection.result(ring_buffers.Ring, "beginnings", lambda views: views[:1])


@fault("codegen", "convolutions, step", "load")
def reset_keeps_the_index_of_a_ring(injection: Injection) -> None:
    """A reset leaves the place where a ring writes next."""

    def kept(original: Any, code: Any, states: Any, addresses: Any) -> None:
        before = len(code._lines)
        original(code, states, addresses)
        code._lines[before:] = [line for line in code._lines[before:] if "stream->at[" not in line]

    injection.around(_states, "begin", kept)


@fault("codegen", "tagger", "load")
def reset_keeps_states(injection: Injection) -> None:
    """A reset clears only half of every state."""
    injection.around(_states, "turns", lambda original, name, count, *step: original(name, count // 2, *step))


@fault("codegen", "tagger", "load")
def epsilon_of_a_normalization_lost(injection: Injection) -> None:
    """Layer norm divides without its epsilon."""
    injection.around(
        normalization, "normalized", lambda original, scope, value, axes, epsilon: original(scope, value, axes, 0.0)
    )


@fault("codegen", "ranges", "load")
def exponential_without_bounds(injection: Injection) -> None:
    """e^x is not bounded, and wraps around."""
    injection.kernel("x = x > 88.0f ? 88.0f : x;\n  x = x < -87.3f ? -87.3f : x;\n  float t", "float t")


@fault("codegen", "ranges", "load")
def exponential_saturates_too_early(injection: Injection) -> None:
    """e^x is never above e^40."""
    injection.kernel("x > 88.0f ? 88.0f", "x > 20.0f ? 20.0f")


@fault("codegen", "ranges", "load")
def tanh_saturates_at_4(injection: Injection) -> None:
    """tanh is that of 4 beyond it."""
    injection.kernel("x = x > 9.0f ? 9.0f : x;", "x = x > 4.0f ? 4.0f : x;")


@fault("codegen", "ranges", "load")
def tanh_of_negative_numbers_saturates(injection: Injection) -> None:
    """tanh is that of -5 below it."""
    injection.kernel("x = x < -9.0f ? -9.0f : x;", "x = x < -5.0f ? -5.0f : x;")


@fault("codegen", "ranges", "load")
def sigmoid_saturates(injection: Injection) -> None:
    """The sigmoid is never below e^-8."""
    injection.kernel("1.0f + bounded_exponential(-x);", "1.0f + bounded_exponential(x < -8.0f ? 8.0f : -x);")


@fault("codegen", "ranges", "load")
def softmax_keeps_its_maximum(injection: Injection) -> None:
    """The largest number of a softmax is not taken away."""

    def kept(original: Any, scope: Any, function: str, operands: Any, *more: Any, **named: Any) -> Any:
        return operands[0] if function == "subtract" else original(scope, function, operands, *more, **named)

    injection.around(softmax, "combined", kept)


@fault("codegen", "ranges", "load")
def logarithm_of_zero(injection: Injection) -> None:
    """The logarithm of 0 is that of the smallest number."""
    injection.kernel("y = x == 0.0f ? -INFINITE : y;", "y = x == 0.0f ? -87.3f : y;")


@fault("codegen", "wide tagger", "load")
def second_row_is_the_first(injection: Injection) -> None:
    """In a block, the second sequence gets the output of the first one."""

    def doubled(original: Any, name: str, program: Any, *more: Any, **named: Any) -> str:
        text = original(name, program, *more, **named).rstrip()
        if program.batch == 1:
            return text
        port = program.outputs[0]
        each, variable = port.size // program.batch, _c_api.port_name(_c_api.identifiers(program)[port.name])
        return f"{text[:-1]}  memcpy({variable} + {each}, {variable}, 4 * {each});\n}}\n"

    injection.around(render, "functions", doubled)


@fault("codegen", "tokens", "load")
def last_row_refused(injection: Injection) -> None:
    """The last row of a table is taken for none."""
    injection.kernel("place >= 0 && place < count) return", "place >= 0 && place < count - 1) return")


@fault("codegen", "two inputs", "load")
def only_the_first_input_is_looked_through(injection: Injection) -> None:
    """A NaN in the second input goes into the graph."""
    injection.text(render, "part", "left; i++, left >>= 1)", "left && !i; i++, left >>= 1)")


@fault("codegen", "lstm", "load")
def states_of_a_snapshot_in_another_order(injection: Injection) -> None:
    """A snapshot has two states in each other's place, and so does what is written back to."""

    def swapped(original: Any, code: Any, k: int, one: Any, view: Any, addresses: Any, reads: bool) -> None:
        original(code, k ^ 1, one, view, addresses, reads)

    injection.around(_states, "_copy", swapped)


@fault("codegen", "lstm", "load")
def snapshot_read_from_the_other_state(injection: Injection) -> None:
    """Of two states, a snapshot reads the first one twice."""

    def first(original: Any, code: Any, given: str, one: Any, view: Any, addresses: Any, reads: bool) -> None:
        original(code, given.replace("1", "0") if reads else given, one, view, addresses, reads)

    injection.around(_states, "_copy", first)


@fault("codegen", "int4", "load")
def scale_of_a_block_lost(injection: Injection) -> None:
    """Every block of int4 weights has the scale of the first one."""
    injection.kernel("b++, scale += PANEL)", "b++)")


@fault("codegen", "int4", "load")
def block_without_its_zero(injection: Injection) -> None:
    """The 8 that int4 weights are stored around is not taken away."""
    injection.kernel("every(-MOVED_W(kind) *", "every(0 * -MOVED_W(kind) *")


@fault("codegen", "int8, step", "load")
def bytes_rounded_down(injection: Injection) -> None:
    """Numbers become bytes without being rounded to the nearest."""
    injection.kernel("t += 12582912.0f;\n  int32_t bits;", "t = floor_of(t) + 12582912.0f;\n  int32_t bits;")


@fault("codegen", "tagger", "load")
def reset_gate_left_out(injection: Injection) -> None:
    """A GRU adds the recurrent product without its reset gate."""
    injection.kernel("+ r * g[2 * units + j]);", "+ g[2 * units + j]);")


@fault("codegen", "wide tagger", "load")
def last_lanes_dropped(injection: Injection) -> None:
    """The last units of a layer, which fill no vector, are those of the frame before."""
    injection.kernel(
        "for (int j = 0; j < units; j++) {\n    const float z",
        "for (int j = 0; j < (units > 8 ? units / 8 * 8 : units); j++) {\n    const float z",
    )


@fault("codegen", "ranges", "load")
def slope_of_a_leaky_unit(injection: Injection) -> None:
    """A leaky unit is 0 for large negative numbers."""
    injection.kernel("x < 0.0f ? slope * x : x", "x < -10.0f ? 0.0f : x < 0.0f ? slope * x : x")


@fault("codegen", "ranges", "load")
def clamp_of_one_end(injection: Injection) -> None:
    """A clamp has no upper end."""
    injection.kernel(
        "INLINE float smaller(float x, float y) { return y < x || y != y ? y : x; }",
        "INLINE float smaller(float x, float y) { return y < x && y < 0.0f ? y : x; }",
    )


@fault("codegen", "recurrence ahead", "load")
def warmup_one_call_short(injection: Injection) -> None:
    """States are held one call less than they have to be before frame 0."""

    def shorter(original: Any, code: Any, states: Any, addresses: Any) -> None:
        less = [replace(one, state=replace(one.state, warmup=max(0, one.state.warmup - 1))) for one in states]
        original(code, less, addresses)

    injection.around(_states, "hold", shorter)


__all__ = ["layout", "np"]
