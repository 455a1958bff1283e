"""Bound buffers for calls of one length: the arrays the graph reads and writes, and how a user sees them."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple, cast

import numpy as np

from rnnedge_runtime.contract import BATCH, TIME, Array, Contract, Cursor, Dim, Port, State
from rnnedge_runtime.engine import Buffers, Engine, Rewound, Stop

_LANES_KEPT = 64


class Out(NamedTuple):
    """One output of a lane: `view` shares memory with the bound array, in the user's axis order."""

    port: Port
    view: Array


class StateBuffers:
    """Two sets of state arrays used in turn: a call reads the one and writes the other, so nothing is copied.

    Created by a `Stream`, shared by its lanes, refilled by `reset`. Where the engine holds states on a device, `fetch`
    comes before anybody reads the arrays of a set, and `store` after anybody wrote them.
    """

    def __init__(self, engine: Engine, states: tuple[State, ...], batch: int, given: Mapping[str, Array]) -> None:
        """Allocate both sets for `batch` sequences, at the states' initial values or those `given` in their place."""
        self._states, self._batch = states, batch
        self._initial = {s.input: given.get(s.input, s.initial) for s in states}
        self._contexts = tuple(s.input for s in states if s.context)
        self._carried = tuple(s for s in states if not s.context)
        self.sets = tuple({s.input: np.zeros(shape_of(s.shape, batch, 1), s.dtype) for s in states} for _ in range(2))
        self._hold(engine)
        for index in range(2):
            self.reset(index)

    def moved(self, engine: Engine, index: int) -> StateBuffers:
        """The same sets with another engine, which begins with what stands in the arrays of set `index`."""
        other = copy.copy(self)
        other._hold(engine)
        other.store(index)
        return other

    def _hold(self, engine: Engine) -> None:
        self._bound = engine.hold(self._states, self.sets, self._batch)
        # One that stands for several states is asked once.
        self._away = tuple(
            list({id(b): b for b in bound.values() if not isinstance(b, np.ndarray)}.values()) for bound in self._bound
        )
        self._rewound = cast(list[Rewound], self._away[0]) if engine.in_place else []

    def fetch(self, index: int) -> None:
        """Set `index` stands in its arrays."""
        for held in self._away[index]:
            held.fetch()

    def store(self, index: int) -> None:
        """The next call reads what stands in the arrays of set `index`."""
        for held in self._away[index]:
            held.store()

    def copies(self, index: int) -> dict[str, Array]:
        """The arrays of set `index`, by the graph's name for each input."""
        self.fetch(index)
        return {name: array.copy() for name, array in self.sets[index].items()}

    def write(self, index: int, arrays: Mapping[str, Array]) -> None:
        """Fill set `index` with `arrays` by the graph's name for each input."""
        for name, array in self.sets[index].items():
            array[...] = arrays[name]
        self.store(index)

    def settle(self) -> None:
        """Count runs from here on; of an engine that runs in place."""
        for held in self._rewound:
            held.settle()

    def rewind(self, runs: int) -> None:
        """Undo the run that was made after the first `runs` since `settle`, if there is one."""
        for held in self._rewound:
            held.rewind(runs)

    def reset(self, index: int, kept: int | None = None) -> None:
        """Fill set `index` with the initial values; of a context with what set `kept` has, if one is named."""
        if kept is None or not self._contexts:
            self._fill(index, self._states)
            return
        staying = self.copies(kept)
        for name in self._contexts:
            self.sets[index][name][...] = staying[name]
        self._fill(index, self._carried)

    def hold(self, index: int, calls: int) -> None:
        """Fill set `index` with the initial values of those states that `calls` calls have not yet warmed up."""
        self.fetch(index)
        self._fill(index, [state for state in self._states if state.warmup >= calls])

    def held_for(self, calls: int) -> int:
        """After how many calls more the next state begins that is held after `calls` of them; 0 if none is."""
        return min((state.warmup for state in self._states if state.warmup > calls), default=calls) - calls

    def inputs(self, index: int) -> Buffers:
        """Set `index` under the names by which the graph reads it."""
        return self._bound[index]

    def outputs(self, index: int) -> Buffers:
        """Set `index` under the names by which the graph writes it."""
        return {s.output: self._bound[index][s.input] for s in self._states}

    def _fill(self, index: int, states: Iterable[State]) -> None:
        for state in states:
            self.sets[index][state.input][...] = self._initial[state.input]
        self.store(index)


class Lane:
    """Everything needed to call the graph with exactly `frames` frames, `units` least calls, allocated and bound once.

    User axis order is (time, ...) for batch 1, else (batch, time, ...). `calls[i]` reads state set i and writes the
    other one. `views` are the inputs by name; `view`, `shape` and `dtype` those of a single one, and `mask` takes its
    `isfinite`, where not the engine `checks`. `copy()` is the whole output where that is a single per-frame one.
    `cursors` are the arrays that say where the sequence ends, `count` the frames of the first output.
    `summaries[i]` are those that `calls[i]` has written, so that a call leaves those of the call before; their `outs`
    show the latest.
    """

    def __init__(
        self, engine: Engine, contract: Contract, states: StateBuffers, batch: int, stop: Stop, frames: int
    ) -> None:
        """Allocate and bind; costs tens of microseconds, so a stream keeps its lanes."""
        given = {p.name: np.zeros(shape_of(p.shape, batch, frames), p.dtype) for p in contract.inputs}
        arrays = {p.name: np.zeros(shape_of(p.shape, batch, p.clock.frames(frames)), p.dtype) for p in contract.outputs}
        self._keep = (given, arrays)
        self.frames, self.units = frames, frames // contract.unit
        self.views = {p.name: _user_view(given[p.name], p, batch) for p in contract.inputs}
        self.view = next(iter(self.views.values()))
        # No array has the shape None, so several inputs never look like one.
        self.shape = self.view.shape if len(self.views) == 1 else None
        self.dtype = self.view.dtype
        # All true exactly if every value is finite; comparing its bytes is ten times faster than `all`.
        self.mask = np.ones(self.view.shape, bool)
        self.mask_bytes = self.mask.tobytes
        self.all_finite = self.mask.tobytes()
        self.outs = tuple(Out(p, _user_view(arrays[p.name], p, batch)) for p in contract.outputs)
        clock = self.outs[0].port.clock
        self.count = clock.frames(frames) if self.outs[0].port.per_frame else 1
        alone = len(self.outs) == 1 and self.outs[0].port.per_frame
        self.copy: Callable[[], Array] | None = self.outs[0].view.copy if alone else None
        self.cursors = tuple((cursor, _cursor_array(cursor, frames)) for cursor in contract.cursors)
        feeds = {**given, **{cursor.name: value for cursor, value in self.cursors}}
        written = [{p.name: np.zeros_like(arrays[p.name]) for p in contract.summaries} for _ in range(2)]
        self.summaries = tuple(
            {p.name: _user_view(own[p.name], p, batch) for p in contract.summaries} for own in written
        )

        def bound(index: int) -> Callable[[], object]:
            results = {**arrays, **written[index], **states.outputs(index ^ 1)}
            run = engine.bind({**feeds, **states.inputs(index)}, results, stop)
            return _showing(run, [(arrays[name], array) for name, array in written[index].items()])

        first = bound(0)
        same = engine.in_place and not contract.summaries
        self.calls: tuple[Callable[[], object], Callable[[], object]] = (first, first if same else bound(1))
        self.checks = engine.checks_finite
        # Where nothing but this one call has to be made for a step.
        self.quick = first if engine.checks_finite and same else None

    def place(self, before: int, total: int | None) -> None:
        """Set the cursors for a call after `before` input frames of a sequence of `total`, None while it goes on."""
        for cursor, array in self.cursors:
            count = cursor.clock.frames(self.frames)
            start = cursor.clock.frames(before) - cursor.clock.delay
            end = start + count if total is None else cursor.clock.valid(total)
            if cursor.kind == "last":
                array[...] = min(max(end - 1 - start, 0), count - 1)
            else:
                index = np.arange(start, start + count)
                array[...] = (index >= 0) & (index < end)


class Lanes:
    """The lanes of one stream, made as needed: `once` for the least call, which stays, and the latest others.

    `made` counts them.
    """

    def __init__(
        self, engine: Engine, contract: Contract, states: StateBuffers, batch: int, stop: Stop, most: int
    ) -> None:
        """Make the lane of the least call; `stop` ends runs of every lane. The others have `most` frames together."""
        self._make = partial(Lane, engine, contract, states, batch, stop)
        self._others: OrderedDict[int, Lane] = OrderedDict()
        self._most = most
        self.once = self._make(contract.unit)
        self.made = 1

    def of(self, frames: int) -> Lane:
        """The lane for calls of `frames` frames."""
        if frames == self.once.frames:
            return self.once
        lane = self._others.get(frames)
        if lane is None:
            lane = self._make(frames)
            while self._others and (len(self._others) >= _LANES_KEPT or sum(self._others) + frames > self._most):
                self._others.popitem(last=False)
            self._others[frames] = lane
            self.made += 1
        else:
            self._others.move_to_end(frames)
        return lane


def _showing(run: Callable[[], object], copies: Iterable[tuple[Array, Array]]) -> Callable[[], object]:
    """`run` itself where there is nothing to show; else with copies (to, from) behind it."""
    pairs = list(copies)
    if not pairs:
        return run

    def shown() -> object:
        refused = run()
        if not refused:
            for to, source in pairs:
                to[...] = source
        return refused

    return shown


def _cursor_array(cursor: Cursor, frames: int) -> Array:
    count = cursor.clock.frames(frames)
    return np.array(count - 1, np.int64) if cursor.kind == "last" else np.ones(count, bool)


def shape_of(shape: tuple[Dim, ...], batch: int, frames: int) -> tuple[int, ...]:
    """`shape` in numbers; "33*batch" is a batch with another axis folded into it."""
    sizes = {BATCH: batch, TIME: frames}
    return tuple(d if isinstance(d, int) else _product(d, sizes) for d in shape)


def _product(dim: str, sizes: dict[str, int]) -> int:
    result = 1
    for factor in dim.split("*"):
        result *= sizes[factor] if factor in sizes else int(factor)
    return result


def _user_view(array: Array, port: Port, batch: int) -> Array:
    if port.time_axis is None:
        view = np.moveaxis(array, port.batch_axis, 0)[:, None]
    else:
        view = np.moveaxis(array, (port.batch_axis, port.time_axis), (0, 1))
    return view[0] if batch == 1 else view
