"""How long an output waits, by behaviour: the frames of one call are changed, and what leaves with it has to move.

If nothing of what leaves with a call depends on the frames of that call, it could have left a call earlier. If that is
so of every call that is tried, the first ones and one in the middle, the file waits longer than its source asks for.
Five things are no reason for that:

1. A frame leaves when it is certain, also if the sequence ends: `x[:, :-3]` waits for three frames whose values it does
   not read. So a sequence that ends before the call has to give the same frames already.
2. With strides, frames that are cut off in front may put every later one in the call after: a call is allowed for that.
3. Weights that are zero (a mask trained into them) read nothing now; a copy of the module with other weights does.
4. Frames that are put in front of delayed ones, which a state called `padding` does, leave in order, so all wait for
   the first.
5. A layer that reflects its first frames waits for them, and all later frames come as late. Waits of several such
   layers (states called `begun`) add up, though the last layer's would be enough.
"""

from __future__ import annotations

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_runtime.contract import Array, Contract, Port

_SEED, _CALLS, _FIRST_CALLS = 50, 3, 8
_CHANGES = (1.0, 10.0, 100.0)
_MOVED = 1e-6
_IN_FRONT, _BEGUN = "padding", "begun"

Frames = dict[str, Array]


def waits_for_nothing(contract: Contract, reference: Reference) -> str:
    """The output that leaves a call later than it could, in words; "" if there is none."""
    kinds = [state.input.rpartition(".")[2] for state in contract.states]
    if any(kind.startswith(_IN_FRONT) for kind in kinds) or kinds.count(_BEGUN) > 1:
        return ""
    late = _late(contract, reference, [port for port in contract.results if port.per_frame])
    others = reference.with_other_weights() if late else None
    late = [] if others is None else _late(contract, others, late)
    if not late:
        return ""
    port = late[0]
    return (
        f"output {port.name!r} waits for {port.clock.lookahead} further input frames: what leaves with a call does not "
        f"depend on the {contract.unit * (1 + (contract.hop > 1))} newest frames, nor on whether the sequence goes on"
    )


def _late(contract: Contract, reference: Reference, ports: list[Port]) -> list[Port]:
    for call in (contract.warmup + _CALLS, *range(contract.warmup + _FIRST_CALLS)):
        ports = _still(contract, reference, ports, call) if ports else []
    return ports


def _still(contract: Contract, reference: Reference, ports: list[Port], call: int) -> list[Port]:
    """Those of which nothing moves that leaves with the call, or nothing leaves."""
    before, after = call * contract.unit, (call + 1) * contract.unit
    newest = max(0, before - contract.unit * (contract.hop > 1))
    frames = _changed(reference, newest, after)
    outputs, ended = reference.raw(frames), None
    found = []
    for port in ports:
        here = _leaving(outputs[port.name], port, before, after)
        if _apart(here[1:], here[:1]):
            continue
        ended = _ended(reference, frames, newest) if ended is None else ended
        if not here.size or (ended and not _differs(_leaving(ended[port.name], port, before, after), here[:1])):
            found.append(port)
    return found


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


def _ended(reference: Reference, frames: Frames, before: int) -> Frames:
    """What a sequence gives that ends with the frames before the call, or earlier; nothing if none is so short."""
    lengths = reference.lengths
    length = lengths.least + (before - lengths.least) // lengths.grain * lengths.grain
    if length < lengths.least:
        return {}
    return reference.raw({name: array[:1, :length] for name, array in frames.items()})


def _leaving(output: Array, port: Port, before: int, after: int) -> Array:
    """The output frames that leave with the call."""
    first, last = (max(0, port.clock.frames(n) - port.clock.delay) for n in (before, after))
    found: Array = np.nan_to_num(output[:, first:last].astype(np.float64))
    return found


def _differs(found: Array, expected: Array) -> bool:
    return found.shape != expected.shape or _apart(found, expected)


def _apart(found: Array, expected: Array) -> bool:
    least = _MOVED * float(np.abs(expected).max(initial=0.0))
    return bool((np.abs(found - expected) > least).any())
