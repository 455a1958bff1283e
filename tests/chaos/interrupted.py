"""Calls of a stream and of a pool that are interrupted at one place after the other, and whether each had happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, TypeVar

import numpy as np
from interruption import Place, interrupted_at, rung_after

from rnnedge_runtime import InputError, Model, Stream, StreamPool
from rnnedge_runtime.pool import Member
from rnnedge_runtime.sample import sample_frames

T = TypeVar("T")
Frames = Any


@dataclass(frozen=True)
class Trial(Generic[T]):
    """`prepare` makes a subject, always the same one; `act` is the call, `standing` and `go_on` tell two apart."""

    prepare: Callable[[], T]
    act: Callable[[T], object]
    standing: Callable[[T], object]
    go_on: Callable[[T], object]

    def check(self, interrupted: Callable[[T], str | None]) -> str | None:
        """Interrupt the call, see that it has not happened, repeat it, and go on; where it came, None: nowhere."""
        undisturbed, subject = self.prepare(), self.prepare()
        before = self.standing(self.prepare())
        place = interrupted(subject)
        if place is None:
            return None
        assert same(self.standing(subject), before), f"{place}: it moved"
        assert same(self.act(subject), self.act(undisturbed)), f"{place}: another result"
        assert same(self.go_on(subject), self.go_on(undisturbed)), f"{place}: it went on from somewhere else"
        return place

    def places(self) -> int:
        """How many bytecodes the call has."""
        whole, subject = Place(10**9), self.prepare()
        interrupted_at(whole, lambda: self.act(subject))
        return whole.seen

    def check_places(self, stride: int) -> int:
        """At every `stride`-th bytecode; returns how many there were."""
        count = 0
        while True:
            place = Place(count * stride)
            if self.check(lambda subject, place=place: interrupted_at(place, lambda: self.act(subject))) is None:
                return count
            count += 1

    def check_moments(self, moments_s: list[float]) -> int:
        """By a timer, so long after the beginning of the call; returns how often it came before the end."""
        return sum(
            self.check(lambda subject, s=s: "ring" if rung_after(s, lambda: self.act(subject)) else None) is not None
            for s in moments_s
        )


def same(found: object, expected: object) -> bool:
    """Bit by bit."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and [*found] == [*expected] and same([*found.values()], [*expected.values()])
    if isinstance(expected, list | tuple):
        return isinstance(found, list | tuple) and len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, np.ndarray):
        return isinstance(found, np.ndarray) and found.shape == expected.shape and np.array_equal(found, expected)
    return found == expected


def told(act: Callable[[], object]) -> object:
    """What it returns, or the error of bad input in words."""
    try:
        return act()
    except InputError as error:
        return str(error)


def cut(frames: Frames, start: int, stop: int) -> Frames:
    """Frames `start` to `stop` of one sequence, of every input."""
    return {n: a[start:stop] for n, a in frames.items()} if isinstance(frames, dict) else frames[start:stop]


def spoiled(frames: Frames, *at: int) -> Frames:
    """With a NaN in these frames of the first input."""
    if isinstance(frames, dict):
        name = next(iter(frames))
        return {**frames, name: spoiled(frames[name], *at)}
    frames = frames.copy()
    frames[list(at)] = np.nan
    return frames


def stream_trials(model: Model) -> dict[str, Trial[Stream]]:
    """Every call of a stream, where it stands in the middle of a sequence or at its beginning."""
    unit, warmup = model.contract.unit, model.contract.warmup
    x, y = (sample_frames(model.contract, 40 * unit, seed) for seed in (1, 2))
    begun = (3 + warmup) * unit

    def make(options: Mapping[str, Any], calls: int, sizes: tuple[int, ...] = ()) -> Stream:
        stream = model.stream(**options)
        for k in range(calls):
            stream.push(cut(x, k * unit, (k + 1) * unit))
        for size in sizes:
            stream.push(cut(x, 0, size))
        views = stream.inputs
        for name, view in views.items():
            view[...] = (x[name] if isinstance(x, dict) else x)[begun : begun + unit]
        return stream

    def standing(stream: Stream) -> list[object]:
        return [stream.snapshot(), stream.frames, stream.provider, dict(stream.counters)]

    def go_on(stream: Stream) -> list[object]:
        ends = (0, unit, 5 * unit, 8 * unit + 1)
        found = [told(lambda a=a, b=b: stream.push(cut(y, a, b))) for a, b in pairwise(ends)]
        return [*found, told(stream.finish), stream.frames]

    def trial(
        act: Callable[[Stream], object], calls: int = 3 + warmup, sizes: tuple[int, ...] = (), **options: Any
    ) -> Trial[Stream]:
        """`sizes` are those of further pushes before it."""
        return Trial(lambda: make(options, calls, sizes), act, standing, go_on)

    def some(count: int, start: int = begun) -> Frames:
        return cut(x, start, start + count)

    other = make({}, 1).snapshot()
    # Where a call takes several frames, one waits after the first two, and none after the third.
    seen = (2 * unit + 1, unit, 2 * unit - 1) * 2
    return {
        "push": trial(lambda s: s.push(some(unit))),
        "first push": trial(lambda s: s.push(some(unit, 0)), 0),
        "long push": trial(lambda s: s.push(some(5 * unit))),
        "push that leaves frames": trial(lambda s: s.push(some(2 * unit + 1))),
        "push of another known size": trial(lambda s: s.push(some(2 * unit)), sizes=(2 * unit, unit) * 2),
        "known push that leaves frames": trial(lambda s: s.push(some(2 * unit + 1)), sizes=seen),
        "known push where frames wait": trial(lambda s: s.push(some(unit)), sizes=(*seen, 2 * unit + 1)),
        "known push that waits": trial(lambda s: s.push(some(unit - 1)), sizes=(unit - 1, 1) * 2),
        "push that holds": trial(lambda s: s.push(spoiled(some(3 * unit), 1)), non_finite="hold"),
        "push that remembers": trial(lambda s: s.push(some(unit)), non_finite="hold"),
        "push that resets": trial(lambda s: s.push(spoiled(some(5 * unit), 2 * unit)), non_finite="reset"),
        "step": trial(lambda s: s.step()),
        "first step": trial(lambda s: s.step(), 0),
        "gap": trial(lambda s: s.gap(3), gap="hold"),
        "gap that resets": trial(lambda s: s.gap(3), gap="reset"),
        "finish": trial(lambda s: s.finish()),
        "reset": trial(lambda s: s.reset()),
        "restore": trial(lambda s: s.restore(other)),
        "copy": trial(lambda s: go_on(s.copy())),
        "snapshot": trial(lambda s: s.snapshot()),
        "states": trial(lambda s: s.states),
    }


Party = tuple[StreamPool, list[Member]]


def pool_trials(model: Model) -> dict[str, Trial[Party]]:
    """Every call of a pool of five with four members, one of which stands elsewhere than the others."""
    unit, warmup = model.contract.unit, model.contract.warmup
    x = [sample_frames(model.contract, 20 * unit + 2, seed) for seed in range(5)]
    begun = (3 + warmup) * unit

    def make() -> Party:
        pool = model.pool(5)
        policies = [{}, {"gap": "hold", "non_finite": "hold"}, {"non_finite": "reset"}, {}]
        members = [pool.join(name, **one) for name, one in zip("abcd", policies, strict=True)]
        for k in range(3 + warmup):
            pool.push({m: cut(x[i], k * unit, (k + 1) * unit) for i, m in enumerate(members[: 4 if k else 3])})
        return pool, members

    def standing(party: Party) -> list[object]:
        pool, members = party
        return [
            [m.name for m in pool.members],
            *((pool.frames(m), pool.snapshot(m), dict(m.counters)) for m in members),
        ]

    def go_on(party: Party) -> list[object]:
        pool, members = party
        here = [m for m in members if m in pool.members]
        found = [told(lambda m=m: pool.push({m: cut(x[4], 0, unit)})[m]) for m in here for _ in range(2)]
        return [*found, told(lambda: list(pool.push({m: cut(x[0], 0, 2 * unit) for m in here}).values())), len(pool)]

    def trial(act: Callable[[StreamPool, list[Member]], object]) -> Trial[Party]:
        return Trial(make, lambda party: act(*party), standing, go_on)

    def push(counts: list[int], **bad: int) -> Trial[Party]:
        given = [cut(x[i], begun, begun + count) for i, count in enumerate(counts)]
        for name, at in bad.items():
            given["abcd".index(name)] = spoiled(given["abcd".index(name)], at)
        return trial(lambda pool, ms: list(pool.push(dict(zip(ms, given, strict=False))).values()))

    return {
        "round": push([unit] * 3),
        "round of others": push([unit] * 4),
        "long round": push([9 * unit] * 4),
        "mixed push": push([unit, 2 * unit + 1, unit, unit + 1]),
        "push with faults": push([unit, 2 * unit, 3 * unit], b=0, c=unit),
        "join": trial(lambda pool, ms: pool.join("e").name),
        "leave": trial(lambda pool, ms: pool.leave(ms[1])),
        "gap": trial(lambda pool, ms: pool.gap(ms[1], 3)),
        "finish": trial(lambda pool, ms: pool.finish(ms[0])),
        "reset": trial(lambda pool, ms: pool.reset(ms[2])),
        "snapshot": trial(lambda pool, ms: pool.snapshot(ms[2])),
    }
