"""A length given by a function, as the steps of a clock: n -> (a n + b) // c."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import lcm

from rnnedge_export.graph.lengths import Lengths
from rnnedge_runtime.clock import Clock, Length

# Every period that divides it shows in the difference over it; the highest power of each small prime that hops have.
_SPAN = 2**12 * 3**3 * 5**3 * 7**2 * 11 * 13
_MOST = 4096


def fitted(frames: Callable[[int], int | None], lengths: Lengths) -> Length | None:
    """The steps that give `frames(total)` for every sequence that the source takes, None if there are none.

    1. One division: (p n + r) // q.
    2. Blocks: k frames more with every p frames of input, k ((n + r) // p) + c, as padding to a multiple gives; short
       sequences have one block too if r is negative, as `max(n, 1)` gives.
    """
    for find in (_division, _blocks, _at_least_one_block):
        found = find(frames, lengths)
        if found is not None and all(Clock(length=found).valid(n) == frames(n) for n in lengths.samples):
            return found
    return None


def _rate(frames: Callable[[int], int | None], lengths: Lengths) -> Fraction | None:
    near, far = lengths.samples[40], lengths.samples[40] + _SPAN * lengths.grain
    first, last = frames(near), frames(far)
    return None if first is None or last is None else Fraction(last - first, far - near)


def _division(frames: Callable[[int], int | None], lengths: Lengths) -> Length | None:
    """Case 1."""
    rate = _rate(frames, lengths)
    if rate is None or rate <= 0 or rate.denominator > _MOST:
        return None
    p, q = rate.numerator, rate.denominator
    start = lengths.samples[16]
    seen = {start + k * lengths.grain: frames(start + k * lengths.grain) for k in range(lcm(q, 2))}
    rests = [(count or 0) * q - p * n for n, count in seen.items()]
    low, high = max(rests), min(rests) + q - 1
    return ((p, min(max(low, 0), high), q),) if low <= high else None


def _blocks(frames: Callable[[int], int | None], lengths: Lengths) -> Length | None:
    """Case 2: from one length at which it grows to the next."""
    found = _first_block(frames, lengths)
    if found is None:
        return None
    first, block, here, times = found
    rest = -first % block
    return _short(((1, rest, block), (times, here - times * ((first + rest) // block), 1)))


def _at_least_one_block(frames: Callable[[int], int | None], lengths: Lengths) -> Length | None:
    """Case 2, with the same length for all sequences up to the first one at which it grows."""
    found, least = _first_block(frames, lengths), frames(lengths.samples[0])
    if found is None or least is None:
        return None
    first, block, here, times = found
    return (1, (here - least) // times * block - first, block), (times, least, 1)


def _first_block(frames: Callable[[int], int | None], lengths: Lengths) -> tuple[int, int, int, int] | None:
    """A length at which it grows, after how many frames again, how long it is there, and by how much it grows."""
    first = _growth(frames, lengths, lengths.samples[16])
    second = None if first is None else _growth(frames, lengths, first)
    if first is None or second is None:
        return None
    here, after = frames(first), frames(second)
    return None if here is None or after is None else (first, second - first, here, after - here)


def _growth(frames: Callable[[int], int | None], lengths: Lengths, start: int) -> int | None:
    """The first length after `start` at which there are more frames."""
    here, step = frames(start), lengths.grain
    if here is None:
        return None
    reach = 1
    while reach <= _MOST * 64 and frames(start + reach * step) == here:
        reach *= 2
    low, high = reach // 2, reach
    if frames(start + high * step) == here:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if frames(start + middle * step) == here else (low, middle)
    return start + high * step


def _short(steps: Length) -> Length:
    """Without steps that change nothing, and a multiple by 1 and its division as one."""
    (one, rest, block), (times, offset, _) = steps
    if times == 1:
        return ((one, rest + offset * block, block),)
    if block == 1:
        return ((times, rest * times + offset, 1),)
    return steps if offset else ((one, rest, block), (times, 0, 1))
