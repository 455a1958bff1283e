"""What the parts of a contract say of each other: names, dims and numbers that cannot all be true at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from rnnedge_runtime._json_fields import expect
from rnnedge_runtime.clock import EVERY_FRAME
from rnnedge_runtime.contract import BATCH, TIME, Contract, Dim, Port, State
from rnnedge_runtime.frames import within

PRECISIONS = ("float32", "float16", "bf16", "int8", "int4")
# A frame in thirty years, and one in a nanosecond.
_SLOWEST_HZ, _FASTEST_HZ = 1e-9, 1e9


def check_agreement(contract: Contract) -> None:
    """Raise `ContractError` naming the first of these.

    1. Two values of one name: the graph gets each once, and gives each once.
    2. The batch on another axis than the batch's, or time on another one than that of time; a state that grows with it.
    3. A port or a state for one sequence where the others take any number, or the other way round.
    4. Frames of a call that are not those of the chunk.
    5. A range of numbers that is none of its input or context, or does not have 0, which stands for what never came.
    6. A state that begins with a NaN, an input that is a summary or waits, statistics or a frame rate that nothing can
       have.
    """
    _once((*(p.name for p in contract.inputs), *(s.input for s in contract.states),
           *(c.name for c in contract.cursors)), "inputs")  # fmt: skip
    _once((*(p.name for p in contract.outputs), *(s.output for s in contract.states)), "outputs")
    for port in (*contract.inputs, *contract.outputs):
        _check_axes(port.shape, port.batch_axis, port.time_axis, port.name)
        _check_batch(port, port.name, contract)
        _check_chunk(port, contract)
    for port in contract.inputs:
        expect(port.per_frame, f"{port.name}.per_frame", "true for an input", False)
        expect(port.clock == EVERY_FRAME, f"{port.name}.clock", "one without delay, of every frame", port.clock)
        _check_range(port, port.name)
    for port in contract.outputs:
        expect(port.range is None, f"{port.name}.range", "none for an output", port.range)
    for state in contract.states:
        _check_axes(state.shape, state.batch_axis, None, state.input)
        _check_batch(state, state.input, contract)
        expect(not np.isnan(state.initial).any(), f"{state.input}.initial", "numbers", "NaN")
        expect(state.range is None or bool(state.context), f"{state.input}.range", "none for a state", state.range)
        _check_range(state, state.input)
        begins = state.range is None or within(np.asarray(state.initial), state.range)
        expect(begins, f"{state.input}.initial", f"numbers in its range, {state.range}", state.initial)
    expect(contract.precision in PRECISIONS, "precision", f"one of {', '.join(PRECISIONS)}", contract.precision)
    _check_numbers(contract)


def _once(names: Iterable[str], side: str) -> None:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    expect(twice is None, side, "names of the graph that are there once", twice)


def _check_axes(shape: tuple[Dim, ...], batch_axis: int, time_axis: int | None, name: str) -> None:
    for axis, dim in enumerate(shape):
        if isinstance(dim, str):
            own = time_axis if dim == TIME else batch_axis
            expect(axis == own, f"{name}.shape", "batch and time on their own axes", list(shape))


def _check_batch(part: Port | State, name: str, contract: Contract) -> None:
    size, batch = part.shape[part.batch_axis], contract.batch
    if batch is None:
        expect(isinstance(size, str), f"{name}.shape", f"{BATCH!r} on axis {part.batch_axis}", list(part.shape))
    else:
        fits = isinstance(size, int) and size % batch == 0 if batch else False
        expect(fits, f"{name}.shape", f"{batch} sequences on axis {part.batch_axis}", list(part.shape))


def _check_chunk(port: Port, contract: Contract) -> None:
    frames = None if port.time_axis is None else port.shape[port.time_axis]
    if isinstance(frames, int) and port.per_frame:
        wanted: Dim = TIME if contract.chunk is None else port.clock.frames(contract.chunk)
        expect(frames == wanted, f"{port.name}.shape", f"{wanted} on axis {port.time_axis}", list(port.shape))


def _check_range(port: Port | State, name: str) -> None:
    if port.range is not None:
        low, high = port.range
        fits = port.dtype.startswith("int") and np.iinfo(port.dtype).min <= low <= 0 <= high <= np.iinfo(port.dtype).max
        expect(fits, f"{name}.range", f"a least and a largest {port.dtype}, and 0 between", port.range)


def _check_numbers(contract: Contract) -> None:
    rate, statistics = contract.frame_rate_hz, contract.normalization
    fits = rate is None or _SLOWEST_HZ <= rate <= _FASTEST_HZ
    expect(fits, "frame_rate_hz", f"{_SLOWEST_HZ:g} to {_FASTEST_HZ:g}", rate)
    if statistics is not None:
        fits = len(statistics.mean) == len(statistics.std) and min(statistics.std, default=1.0) > 0
        expect(fits, "normalization", "as many means as deviations, all of these above 0", statistics)
