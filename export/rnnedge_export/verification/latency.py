"""How long an output waits, by behaviour: the frames of one call are changed, and what leaves with it has to move.

If nothing of what leaves with a call depends on the frames of that call, it could have left a call earlier: the file
waits longer than its source asks for. Two things are no reason for that:

1. A frame leaves when it is certain that the whole sequence has it: `x[:, :-3]` waits for three frames whose values it
   does not read.
2. Weights that are zero (a mask trained into them) read nothing now; a copy of the module with other weights does.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_runtime.contract import Array, Contract, Port

_SEED, _CALLS = 50, 3
_CHANGES = (1.0, 10.0, 100.0)
_MOVED = 1e-6

Frames = dict[str, Array]


def waits_for_nothing(contract: Contract, reference: Reference) -> str:
    """The output that leaves a call later than it could, in words; "" if there is none."""
    before = (contract.warmup + _CALLS) * contract.unit
    after = before + contract.unit
    frames = _changed(reference, before, after)
    late = _still(contract, reference.raw(frames), before, after)
    late = [port for port in late if not _uncertain(reference, frames, port, before)] if late else []
    others = reference.with_other_weights() if late else None
    if others is None:
        return ""
    late = [port for port in _still(contract, others.raw(frames), before, after) if port in late]
    if not late:
        return ""
    port = late[0]
    return (
        f"output {port.name!r} waits for {port.clock.lookahead} further input frames: what leaves with input frame "
        f"{after - 1} does not depend on the frames from {before} on"
    )


def _changed(reference: Reference, before: int, after: int) -> Frames:
    """One sequence, and copies of it with other frames from `before` up to `after`."""
    rng = np.random.default_rng(_SEED)
    one = reference.frames(1, reference.lengths.at_least(3 * after), rng)
    found = {}
    for name, array in one.items():
        copies = [array]
        other = reference.frames(len(_CHANGES), array.shape[1], rng)[name]
        for size, row in zip(_CHANGES, other, strict=True):
            copy = array.copy()
            here = row[before:after]
            copy[0, before:after] = copy[0, before:after] + size * here if array.dtype.kind == "f" else here
            copies.append(copy)
        found[name] = np.concatenate(copies)
    return found


def _still(contract: Contract, outputs: Mapping[str, Array], before: int, after: int) -> list[Port]:
    """The outputs of which nothing moves that leaves with the call."""
    found = []
    for port in contract.results:
        first, last = (max(0, port.clock.frames(n) - port.clock.delay) for n in (before, after))
        here = np.nan_to_num(outputs[port.name][:, first:last].astype(np.float64))
        least = _MOVED * float(np.abs(here[:1]).max(initial=0.0))
        if port.per_frame and here.size and not (np.abs(here[1:] - here[:1]) > least).any():
            found.append(port)
    return found


def _uncertain(reference: Reference, frames: Frames, port: Port, before: int) -> bool:
    """Case 1: whether a sequence that ends with the frames before has fewer frames than leave with the call."""
    length = reference.lengths.at_least(before)
    outputs = reference.raw({name: array[:1, :length] for name, array in frames.items()})
    return int(outputs[port.name].shape[1]) <= port.clock.frames(length) - port.clock.delay
