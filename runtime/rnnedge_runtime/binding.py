"""Bound buffers for calls of one length: the arrays the graph reads and writes, and how a user sees them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from rnnedge_runtime.contract import Array, Contract, Cursor, Port
from rnnedge_runtime.engine import CancelToken, Engine
from rnnedge_runtime.frames import within
from rnnedge_runtime.state_buffers import StateBuffers, shape_of

_BINDINGS_KEPT = 64
# What a call gives in place of 0 where it ran nothing; an engine has numbers of its own.
_OUT_OF_RANGE = -1


class Out(NamedTuple):
    """One output of a binding: `view` shares memory with the bound array, in the user's axis order."""

    port: Port
    view: Array


class Binding:
    """Everything needed to call the graph with exactly `frames` frames, `units` least calls, allocated and bound once.

    User axis order is (time, ...) for batch 1, else (batch, time, ...). `calls[i]` reads state set i and writes the
    other one. `views` are the inputs by name; `view`, `shape` and `dtype` those of a single one, and `mask` takes its
    `isfinite`, where not the engine `checks`. `copy()` is the whole output where that is a single per-frame one.
    `time_first` are the inputs with the axis of time first.
    `cursors` are the arrays that say where the sequence ends, `count` the frames of the first output.
    `summaries[i]` are those that `calls[i]` has written, so that a call leaves those of the call before; their `outs`
    show the latest.
    """

    def __init__(
        self, engine: Engine, contract: Contract, states: StateBuffers, batch: int, stop: CancelToken, frames: int
    ) -> None:
        """Allocate and bind; costs tens of microseconds, so a stream keeps its bindings."""
        given = {p.name: np.zeros(shape_of(p.shape, batch, frames), p.dtype) for p in contract.inputs}
        arrays = {p.name: np.zeros(shape_of(p.shape, batch, p.clock.frames(frames)), p.dtype) for p in contract.outputs}
        self._keep = (given, arrays)
        self.frames, self.units = frames, frames // contract.unit
        self.views = {p.name: _user_view(given[p.name], p, batch) for p in contract.inputs}
        self.time_first = time_first(self.views, batch)
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
        ranges = [(self.views[p.name], p.range) for p in contract.inputs if p.range is not None]
        written = [{p.name: np.zeros_like(arrays[p.name]) for p in contract.summaries} for _ in range(2)]
        self.summaries = tuple(
            {p.name: _user_view(own[p.name], p, batch) for p in contract.summaries} for own in written
        )

        def bound(index: int) -> Callable[[], object]:
            results = {**arrays, **written[index], **states.outputs(index ^ 1)}
            run = _looking(engine.bind({**feeds, **states.inputs(index)}, results, stop), ranges)
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


class BindingCache:
    """The bindings of one stream, made as needed: `once` for the least call, which stays, and the latest others.

    `made` counts them.
    """

    def __init__(
        self, engine: Engine, contract: Contract, states: StateBuffers, batch: int, stop: CancelToken, most: int
    ) -> None:
        """Make the binding of the least call; `stop` ends runs of all. The others have `most` frames together."""
        self._make = partial(Binding, engine, contract, states, batch, stop)
        self._others: OrderedDict[int, Binding] = OrderedDict()
        self._most = most
        self.once = self._make(contract.unit)
        self.made = 1

    def of(self, frames: int) -> Binding:
        """The binding for calls of `frames` frames."""
        if frames == self.once.frames:
            return self.once
        binding = self._others.get(frames)
        if binding is None:
            binding = self._make(frames)
            while self._others and (len(self._others) >= _BINDINGS_KEPT or sum(self._others) + frames > self._most):
                self._others.popitem(last=False)
            self._others[frames] = binding
            self.made += 1
        else:
            self._others.move_to_end(frames)
        return binding


def time_first(arrays: dict[str, Array], batch: int) -> dict[str, Array]:
    """Frames as a user has them, (time, ...) or (batch, time, ...), with the axis of time first; views."""
    return arrays if batch == 1 else {name: array.swapaxes(0, 1) for name, array in arrays.items()}


def _looking(run: Callable[[], object], ranges: Sequence[tuple[Array, tuple[int, int]]]) -> Callable[[], object]:
    """`run` itself where no input has a range; else it refuses numbers outside of them, as an engine refuses a NaN."""
    if not ranges:
        return run

    def looked() -> object:
        return run() if all(within(view, bounds) for view, bounds in ranges) else _OUT_OF_RANGE

    return looked


def _showing(run: Callable[[], object], copies: Iterable[tuple[Array, Array]]) -> Callable[[], object]:
    """`run` itself if there is nothing to show; else with copies (to, from) after it."""
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


def _user_view(array: Array, port: Port, batch: int) -> Array:
    if port.time_axis is None:
        view = np.moveaxis(array, port.batch_axis, 0)[:, None]
    else:
        view = np.moveaxis(array, (port.batch_axis, port.time_axis), (0, 1))
    return view[0] if batch == 1 else view
