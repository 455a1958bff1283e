"""States between two steps: their first values, and copies between the struct and arrays of the contract."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnedge_export.codegen._ir.loops import nest
from rnnedge_export.codegen._ir.ring_buffers import Ring
from rnnedge_export.codegen._ir.step_program import StepProgram, StepState
from rnnedge_export.codegen._ir.tensors import Buffer, Memory, View, whole
from rnnedge_export.codegen.render._addresses import CTYPES, Addresses
from rnnedge_export.codegen.render._expressions import number
from rnnedge_export.codegen.render._text import Code, listed, turns


def declare_rings(code: Code, rings: Sequence[Ring]) -> None:
    """The windows of a step, one place further on than those of the step before."""
    for one in rings:
        k, frame = one.number, one.frame
        code.line(f"const int at{k} = stream->at[{k}] == {one.begin} ? 0 : stream->at[{k}] + {one.fresh};")
        code.line(f"float *const window{k} = states + {one.offset} + (at{k} + {one.room - one.length}) * {frame};")
        code.line(f"float *const mirror{k} = states + {one.offset} + at{k} * {frame};")
        old = f"states + {one.offset} + (stream->at[{k}] + {one.kept_at}) * {frame}"
        code.line(f"const float *const past{k} = {old};")
        code.line(f"(void)mirror{k}, (void)past{k};")
        code.line(f"stream->at[{k}] = at{k};")


def hold(code: Code, states: Sequence[StepState], addresses: Addresses) -> None:
    """The first calls bring only frames that stand before frame 0: states stay as they were, each for its `warmup`."""
    longest = max((one.state.warmup for one in states), default=0)
    if not longest:
        return
    code.blank()
    code.comment("What stands before frame 0 changes no state.")
    with code.block(f"if (stream->calls < {longest})"):
        code.line("stream->calls++;")
        for warmup in sorted({one.state.warmup for one in states} - {0}):
            with code.block(f"if (stream->calls <= {warmup})"):
                begin(code, [one for one in states if one.state.warmup == warmup], addresses)


def begin(code: Code, states: Sequence[StepState], addresses: Addresses) -> None:
    """States take their first values."""
    for one in states:
        if one.ring is not None:
            code.line(f"stream->at[{one.ring.number}] = {one.ring.begin};")
        for view in one.written_at:
            _begin(code, one, view, addresses)


def _begin(code: Code, one: StepState, view: View, addresses: Addresses) -> None:
    size = view.buffer.size
    memory = np.zeros(size, one.initial.dtype)
    memory[view.index.ravel()] = one.initial.ravel()
    if not size:
        return
    code.comment(f"state {one.state.input!r}")
    alike = np.array_equal(memory, np.full_like(memory, memory[0]))
    numbers = [float(value) if memory.dtype.kind == "f" else int(value) for value in memory[: 1 if alike else size]]
    if alike:
        with code.block(turns("i", size)):
            code.line(f"{addresses.element(view.buffer, 0, 'i')} = {number(numbers[0])};")
        return
    with code.block():
        code.raw(f"static const {CTYPES[view.buffer.kind]} initial[{size}] = {{{listed([*map(number, numbers)])}}};")
        code.line(f"memcpy({addresses.pointer(view.buffer)}, initial, sizeof initial);")


def copies(code: Code, program: StepProgram, addresses: Addresses, *, reads: bool) -> None:
    """Between the struct and the arrays of the caller, in the axis order of the contract."""
    for k, one in enumerate(program.states):
        code.comment(f"state {one.state.input!r}")
        if one.ring is not None and not reads:
            code.line(f"stream->at[{one.ring.number}] = {one.ring.begin};")
        for view in (one.read_at,) if reads else one.written_at:
            _copy(code, f"any_states[{k}]", one, view, addresses, reads)


def copy_given(code: Code, one: StepState, given: str, addresses: Addresses) -> None:
    """Take a state from the caller's array `given`."""
    for view in one.written_at:
        _copy(code, given, one, view, addresses, reads=False)


def _copy(code: Code, given: str, one: StepState, view: View, addresses: Addresses, reads: bool) -> None:
    size = view.index.size
    if not size:
        return
    array = whole(Buffer(Memory.LOCAL, "array", size, view.buffer.kind), view.index.shape)
    extents, (outside, inside) = nest(view.index.shape, [array, view])
    const = "" if reads else "const "
    pointer = f"{const}{CTYPES[one.state.dtype]} *"
    with code.block():
        code.line(f"{pointer}const array = ({pointer}){given};")
        to, of = (addresses.access(one) for one in ((outside, inside) if reads else (inside, outside)))
        with code.loops([turns(f"i{d}", extent) for d, extent in enumerate(extents)]):
            code.line(f"{to} = {of};")
