"""What a contract from somebody else may promise: buffers and calls that a device can afford.

The contract decides how much a stream allocates and how often it calls the graph; `parse` has checked its types only.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from rnnedge_runtime.careful.limits import Limits
from rnnedge_runtime.contract import TIME, Contract, Cursor, Dim, Port
from rnnedge_runtime.errors import ContractError

_TOLERANCE = 1e-2
# A rounding that turns the other way on another processor changes an output by a step.
_TOLERANCE_OF_INTEGERS = 0.05


def check_promises(contract: Contract, limits: Limits) -> None:
    """Raise `ContractError` naming the first promise that is out of bounds.

    1. Counts of frames (chunk, hop, grain, least, delays, rates, warm-up) are small.
    2. The buffers of one stream and one call are small.
    3. There is a golden sample of at least one frame, whose tolerance is a small part of its outputs.
    """
    for place, count in _counts(contract):
        if not -limits.frames <= count <= limits.frames:
            raise ContractError(f"contract.{place}: expected at most {limits.frames:,}, found {count}")
    size = sum(_buffers(contract))
    if size > limits.buffer_bytes:
        raise ContractError(f"contract: expected buffers of at most {limits.buffer_bytes:,} bytes, found {size:,}")
    golden = contract.golden
    if golden is None:
        raise ContractError("contract: expected a golden sample, found none; export the model again")
    frames = [len(golden.inputs.get(port.name, ())) for port in contract.inputs]
    if not min(frames):
        raise ContractError("golden.inputs: expected at least one frame of every input, found none")
    largest = max((float(np.abs(a.astype(np.float64)).max()) for a in golden.outputs.values() if a.size), default=0.0)
    share = _TOLERANCE_OF_INTEGERS if contract.precision in ("int8", "int4") else _TOLERANCE
    if not 0 <= golden.tolerance <= share * max(1.0, largest):
        raise ContractError(
            f"golden.tolerance: expected at most {share:g} of the outputs, which reach {largest:g}, "
            f"found {golden.tolerance:g}"
        )


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


def _buffers(contract: Contract) -> Iterator[int]:
    """Bytes of each buffer for one sequence and the least call; the states have two sets."""
    for port in (*contract.inputs, *contract.outputs):
        yield _elements(port.shape, port.clock.frames(contract.unit)) * np.dtype(port.dtype).itemsize
    for state in contract.states:
        yield 2 * _elements(state.shape, 1) * np.dtype(state.dtype).itemsize
    for cursor in contract.cursors:
        yield cursor.clock.frames(contract.unit)


def _elements(shape: tuple[Dim, ...], frames: int) -> int:
    """Of an array for one sequence: "time" counts `frames`, "batch" 1, and "33*batch" 33."""
    sizes = [dim if isinstance(dim, int) else frames if dim == TIME else int(dim.split("*")[0]) if "*" in dim else 1
             for dim in shape]  # fmt: skip
    return prod(sizes)
