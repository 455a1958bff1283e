"""Faults of the runtime that a file is proven with, and runs in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from injection import Injection, fault

from rnnedge_runtime import _input_policy, _sequence_runner, binding, stream_runner
from rnnedge_runtime._sequence_runner import Sequence
from rnnedge_runtime._stream_position import Standing
from rnnedge_runtime.binding import Binding
from rnnedge_runtime.pool import _slots
from rnnedge_runtime.state_buffers import StateBuffers
from rnnedge_runtime.stream_runner import StreamRunner


@fault("runtime", "tagger")
def push_returns_its_own_buffer(injection: Injection) -> None:
    """What a push returns is overwritten by the next one."""

    def own(original: Any, self: Any, *arguments: Any) -> None:
        original(self, *arguments)
        view = self.outs[0].view
        self.copy = (lambda: view) if self.copy is not None else None

    injection.around(Binding, "__init__", own)


@fault("runtime", "tagger")
def state_of_the_call_before(injection: Injection) -> None:
    """Every second call reads the state that the one before has read."""

    def same(original: Any, self: Any, *arguments: Any) -> None:
        original(self, *arguments)
        self.calls = (self.calls[0], self.calls[0])

    injection.around(Binding, "__init__", same)


@fault("runtime", "tagger")
def reset_keeps_the_state(injection: Injection) -> None:
    """A reset leaves the states as they are."""

    def left(original: Any, self: Any, index: int, kept: int | None = None) -> None:
        if not hasattr(self, "was_reset"):
            self.was_reset = set()
        if index not in self.was_reset:
            original(self, index, kept)
        self.was_reset.add(index)

    injection.around(StateBuffers, "reset", left)


@fault("runtime", "strided")
def reset_keeps_held_frames(injection: Injection) -> None:
    """A reset leaves frames that wait for a whole call."""

    def kept(original: Any, self: Any) -> None:
        rest = getattr(self, "_rest", None)
        original(self)
        self._rest = rest

    injection.around(Standing, "_begin", kept)


@fault("runtime", "ahead")
def reset_keeps_what_was_skipped(injection: Injection) -> None:
    """After a reset the frames before frame 0 are given out."""

    def kept(original: Any, self: Any) -> None:
        skip = getattr(self, "_skip", None)
        original(self)
        if skip is not None:
            self._skip = skip

    injection.around(Standing, "_begin", kept)


@fault("runtime", "tagger")
def restore_writes_the_other_set(injection: Injection) -> None:
    """A restore fills the state that the next call does not read."""
    injection.around(Standing, "_write", lambda original, self, kept, index: original(self, kept, index ^ 1))


@fault("runtime", "strided")
def snapshot_loses_held_frames(injection: Injection) -> None:
    """A snapshot leaves out frames that wait."""

    def lost(found: Any) -> Any:
        return found._replace(arrays={n: a for n, a in found.arrays.items() if not n.startswith("rest:")})

    injection.result(Standing, "_snapshot", lost)


@fault("runtime", "summary")
def snapshot_loses_the_summary(injection: Injection) -> None:
    """A snapshot has zeros for the summaries so far."""

    def lost(found: Any) -> Any:
        arrays = {n: np.zeros_like(a) if n.startswith("summary:") else a for n, a in found.arrays.items()}
        return found._replace(arrays=arrays)

    injection.result(Standing, "_snapshot", lost)


@fault("runtime", "ahead")
def restore_forgets_what_was_skipped(injection: Injection) -> None:
    """A restored stream skips the frames before frame 0 once more."""

    def again(original: Any, self: Any, found: Any) -> None:
        original(self, found)
        self._skip = {p.name: p.clock.delay for p in self.contract.outputs if p.per_frame}
        self._settle()

    injection.around(Standing, "stand_at", again)


@fault("runtime", "tagger")
def rows_of_a_pool_by_count(injection: Injection) -> None:
    """A pool takes the states of its first members, whoever is pushed."""
    injection.around(
        _slots.Seats,
        "_seat",
        lambda original, self, rows: original(self, np.arange(len(rows))),
    )


@fault("runtime", "tagger")
def joined_member_keeps_the_old_state(injection: Injection) -> None:
    """Who joins a pool goes on where the member before stood."""

    def kept(original: Any, self: Any, row: int, arrays: Any, fed: int) -> None:
        if fed or not self.fed[row]:
            original(self, row, arrays, fed)

    injection.around(_slots.Seats, "write", kept)


@fault("runtime", "tagger")
def rest_of_a_long_push_lost(injection: Injection) -> None:
    """What is left of a push after its last whole piece is dropped."""

    def whole(original: Any, self: Any, arrays: dict[str, Any]) -> Any:
        length = _sequence_runner._length(arrays, self._time)
        if length > self._piece:
            end = length // self._piece * self._piece
            arrays = {name: array[self._at(slice(end))] for name, array in arrays.items()}
        return original(self, arrays)

    injection.around(Sequence, "_run", whole)


@fault("runtime", "tagger")
def second_piece_reads_the_first(injection: Injection) -> None:
    """Every piece of a long push reads the first frames of it."""

    def first(original: Any, self: Any, arrays: dict[str, Any]) -> Any:
        length = _sequence_runner._length(arrays, self._time)
        if length > self._piece:
            arrays = {name: self_tiled(array, self._piece, self._time) for name, array in arrays.items()}
        return original(self, arrays)

    injection.around(Sequence, "_run", first)


def self_tiled(array: Any, piece: int, time: int) -> Any:
    """The first piece again and again."""
    index = np.arange(array.shape[time]) % piece
    return np.take(array, index, axis=time)


@fault("runtime", "tagger, unrolled")
def finish_without_held_frames(injection: Injection) -> None:
    """The end of a sequence leaves out frames that wait."""

    def forgotten(original: Any, self: Any) -> Any:
        if self._rest is not None:
            self._rest = {name: np.zeros_like(array) for name, array in self._rest.items()}
        return original(self)

    injection.around(Sequence, "_finish", forgotten)


@fault("runtime", "ahead after a bias")
def end_of_the_sequence_not_told(injection: Injection) -> None:
    """The graph is never told where a sequence ends."""
    injection.around(Binding, "place", lambda original, self, before, total: original(self, before, None))


@fault("runtime", "tagger")
def rows_of_a_batch_swapped(injection: Injection) -> None:
    """Two sequences of a batch have each other's outputs."""

    def turned(view: Any) -> Any:
        return view

    def swapped(original: Any, array: Any, port: Any, batch: int) -> Any:
        view = original(array, port, batch)
        return view[::-1] if batch == 5 and port.name == "y" else turned(view)

    injection.around(binding, "_user_view", swapped)


@fault("runtime", "tagger")
def finished_stream_goes_on(injection: Injection) -> None:
    """A second finish is taken."""
    injection.around(Sequence, "_check_open", lambda original, self: None)


@fault("runtime", "tagger")
def copy_shares_its_state(injection: Injection) -> None:
    """A snapshot is that of a stream that has not been pushed."""

    def fresh(found: Any) -> Any:
        states = {n: np.zeros_like(a) if n.startswith("state:") else a for n, a in found.arrays.items()}
        return found._replace(arrays=states)

    injection.result(Standing, "_snapshot", fresh)


@fault("runtime", "tagger")
def nan_let_through(injection: Injection) -> None:
    """A NaN goes into the graph."""
    injection.around(
        _input_policy.Guard, "_bad_frames", lambda original, self, arrays: np.zeros_like(original(self, arrays))
    )
    injection.around(stream_runner, "_isfinite", lambda original, frames, mask: mask.fill(True))


@fault("runtime", "tagger")
def hold_takes_the_first_frame(injection: Injection) -> None:
    """The policy "hold" repeats the first frame, not the last finite one."""

    def first(original: Any, self: Any, arrays: Any) -> None:
        if self.last is self._none:
            original(self, arrays)

    injection.around(_input_policy.Guard, "remember", first)


@fault("runtime", "tagger")
def gap_policies_swapped(injection: Injection) -> None:
    """A gap is filled with zeros where the last frame was asked for, and the other way round."""

    def swapped(original: Any, self: Any, frames: int) -> Any:
        policies = self._policies
        other = {"hold": "zero", "zero": "hold"}.get(policies.gap, policies.gap)
        self._policies = replace(policies, gap=other)
        try:
            return original(self, frames)
        finally:
            self._policies = policies

    injection.around(_input_policy.Guard, "fill", swapped)


@fault("runtime", "two outputs")
def step_shows_the_call_before(injection: Injection) -> None:
    """`step` runs, and its outputs are those of the step before."""

    def late(original: Any, self: Any) -> Any:
        if not hasattr(self, "shown"):
            self.shown = {}
        found = original(self)
        now = {name: array.copy() for name, array in found.items()}
        before = self.shown or now
        self.shown = now
        return before

    from rnnedge_runtime.stream import Stream

    getter = Stream.outputs.fget

    def outputs(self: Any) -> Any:
        injection.hits += 1
        return late(getter, self)

    injection._patch.setattr(Stream, "outputs", property(outputs))


__all__ = ["StreamRunner"]
