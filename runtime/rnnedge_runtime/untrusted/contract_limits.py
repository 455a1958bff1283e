"""What an untrusted contract may promise: buffers and calls that a device can afford, for any length.

The contract decides how much a stream allocates and how often it calls the graph; `parse` has checked its types only.

A sequence of n frames has v(n) frames of a value, where v is a chain of steps n -> max(0, (a n + b) // c). Rounding
down and the maximum make v small for one length and large for the next, so the bounds are over all n at once:

    v(n) <= A n + B,   A = product of a / c,   B' = (a B + max(0, b)) / c   from step to step

While a sequence goes on, n frames bring rate * n frames of the value. With A <= rate the end of the sequence therefore
owes at most rate * (what waits and what the source adds, at most unit + least + grain) + B + delay frames of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, prod

import numpy as np

from rnnedge_runtime.clock import Length
from rnnedge_runtime.contract import TIME, Contract, Cursor, Dim, Port
from rnnedge_runtime.errors import ContractError
from rnnedge_runtime.golden_tolerance import checked_sample
from rnnedge_runtime.untrusted.limits import Limits

_TOLERANCE = 1e-2
# A rounding that turns the other way on another processor changes an output by a step.
_TOLERANCE_OF_INTEGERS = 0.05
_MASK_BYTES = 9


def check_promises(contract: Contract, limits: Limits) -> None:
    """Raise `ContractError` naming the first promise that is out of bounds.

    1. Counts of frames (chunk, hop, grain, least, delays, rates, warm-up) are small, and calls bring whole frames.
    2. A sequence has no more frames than its calls bring, but for a few, and its end few calls and small outputs.
    3. The buffers of one stream and one call are small.
    4. There is a golden sample of the contract's inputs and outputs, whose tolerance is a small part of its outputs.
    """
    for place, count in _counts(contract):
        if not -limits.frames <= count <= limits.frames:
            raise ContractError(f"contract.{place}: expected at most {limits.frames:,}, found {count:,}")
    for cursor in contract.cursors:
        if contract.unit * cursor.clock.rate % 1:
            raise ContractError(
                f"contract.{cursor.name}.clock.rate: {contract.unit} frames a call bring no whole number of frames"
            )
    _check_end(contract, limits)
    for place, elements in _read(contract):
        if elements < 1:
            raise ContractError(f"contract.{place}: expected at least one element in every call, found none")
    size = sum(_buffers(contract))
    if size > limits.buffer_bytes:
        raise ContractError(f"contract: expected buffers of at most {limits.buffer_bytes:,} bytes, found {size:,}")
    golden = checked_sample(contract)
    largest = max((float(np.abs(a.astype(np.float64)).max()) for a in golden.outputs.values() if a.size), default=0.0)
    share = _TOLERANCE_OF_INTEGERS if contract.precision in ("int8", "int4") else _TOLERANCE
    if golden.tolerance > share * max(1.0, largest):
        raise ContractError(
            f"golden.tolerance: expected at most {share:g} of the outputs, which reach {largest:g}, "
            f"found {golden.tolerance:g}"
        )


def _check_end(contract: Contract, limits: Limits) -> None:
    """Raise `ContractError` unless a sequence of any length ends with few calls and small outputs."""
    added, owed = contract.unit + contract.least + contract.grain, Fraction(0)
    parts: tuple[Port | Cursor, ...] = (*contract.outputs, *contract.cursors)
    for part in parts:
        clock, place = part.clock, f"contract.{part.name}.clock.length"
        if len(clock.length) > limits.length_steps:
            raise ContractError(f"{place}: expected at most {limits.length_steps} steps, found {len(clock.length)}")
        slope, more = longest(clock.length)
        if slope > clock.rate:
            raise ContractError(
                f"{place}: expected at most {clock.rate} frames per frame of the input, as the calls bring, "
                f"found {slope}"
            )
        owed = max(owed, (more + max(0, clock.delay)) / clock.rate)
    frames = ceil(added + owed)
    calls = -(-frames // contract.unit)
    if calls > limits.end_calls:
        raise ContractError(
            f"contract: expected a sequence to end within {limits.end_calls:,} calls, found up to {calls:,} "
            f"of {contract.unit} frames"
        )
    size = sum(_elements(p.shape, p.clock.frames(contract.unit)) * np.dtype(p.dtype).itemsize for p in contract.outputs)
    if size * calls > limits.result_bytes:
        raise ContractError(
            f"contract: expected outputs of at most {limits.result_bytes:,} bytes at the end of a sequence, "
            f"found up to {size * calls:,} in {calls:,} calls"
        )


def longest(steps: Length) -> tuple[Fraction, Fraction]:
    """A and B of the module's docstring."""
    slope, more = Fraction(1), Fraction(0)
    for a, b, c in steps:
        slope, more = slope * a / c, (a * more + max(0, b)) / c
    return slope, more


def _counts(contract: Contract) -> Iterator[tuple[str, int]]:
    yield from (("hop", contract.hop), ("chunk", contract.chunk or 0))
    yield from (("grain", contract.grain), ("least", contract.least))
    parts: tuple[Port | Cursor, ...] = (*contract.inputs, *contract.outputs, *contract.cursors)
    for part in parts:
        clock = part.clock
        yield f"{part.name}.clock.rate", max(clock.rate.numerator, clock.rate.denominator)
        yield f"{part.name}.clock.delay", clock.delay
        yield from ((f"{part.name}.clock.length", number) for step in clock.length for number in step)
    yield from ((f"{state.input}.warmup", state.warmup) for state in contract.states)


def _read(contract: Contract) -> Iterator[tuple[str, int]]:
    """How many elements the graph gets from each input, state and cursor in the least call."""
    for port in contract.inputs:
        yield port.name, _elements(port.shape, contract.unit)
    for state in contract.states:
        yield state.input, _elements(state.shape, 1)
    for cursor in contract.cursors:
        yield cursor.name, cursor.clock.frames(contract.unit)


def _buffers(contract: Contract) -> Iterator[int]:
    """Bytes of each buffer for one sequence and the least call; the states have two sets."""
    for port in (*contract.inputs, *contract.outputs):
        yield _elements(port.shape, port.clock.frames(contract.unit)) * np.dtype(port.dtype).itemsize
    for state in contract.states:
        yield 2 * _elements(state.shape, 1) * np.dtype(state.dtype).itemsize
    for cursor in contract.cursors:
        # The mask itself, and the numbers it is made from.
        yield _MASK_BYTES * cursor.clock.frames(contract.unit)


def _elements(shape: tuple[Dim, ...], frames: int) -> int:
    """Of an array for one sequence: "time" counts `frames`, "batch" 1, and "33*batch" 33."""
    sizes = [dim if isinstance(dim, int) else frames if dim == TIME else int(dim.split("*")[0]) if "*" in dim else 1
             for dim in shape]  # fmt: skip
    return prod(sizes)
