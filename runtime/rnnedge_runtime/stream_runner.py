"""Runs the frames of one sequence; each call happens as a whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from rnnedge_runtime._exclusive import alone, entrance
from rnnedge_runtime._known_sizes import KnownSizes
from rnnedge_runtime._snapshot import fitted, pack, unpack
from rnnedge_runtime._undo import Note
from rnnedge_runtime.context import checked_context, own_axes
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames

_ndarray = np.ndarray
_isfinite = np.isfinite


class StreamRunner(KnownSizes):
    """Where a sequence, or several of equal length, stands, and the calls that move it on, as `Stream` describes them.

    Owned by a `Stream`, or by a `StreamPool`, which lets one runner stand in for each member in turn. A runner lives as
    long as its owner. A second thread that comes in during a call gets an `OwnerError`, and so does a forked child.
    """

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self._loaded.name

    @property
    def cursors(self) -> dict[str, Array]:
        """What `step` tells the graph of the end of the sequence, by input name."""
        return {cursor.name: array for cursor, array in self._once.cursors}

    @property
    def frames(self) -> int:
        """As `Stream.frames`."""
        return self._frames

    @property
    def counters(self) -> Counter[str]:
        """As `Stream.counters`."""
        return self._log.counters

    @property
    def provider(self) -> str:
        """As `Stream.provider`."""
        return self._engine.provider

    @entrance
    def push(self, frames: Frames) -> Frames:
        """As `Stream.push`."""
        note: Note | None
        while True:
            try:
                self._token.pop()
                turn = self._turn
                before = self._frames
                fast = self._fast
                if fast is not None and frames.__class__ is _ndarray:
                    size = frames.shape
                    # A class can be pretended, a type cannot.
                    if size != fast.shape and type(frames) is _ndarray and (other := self._whole.get(size)) is not None:
                        runs = self._runs(before)
                        fast = self._turn_to(other, before, runs)
                    # A dtype that came from another process is equal, and not the same.
                    if size == fast.shape and (frames.dtype is fast.dtype or frames.dtype == fast.dtype):
                        # Before it is looked at: another thread may change what is the caller's.
                        fast.view[...] = frames
                        if not fast.checks:
                            _isfinite(fast.view, fast.mask)
                        if fast.checks or fast.mask_bytes() == fast.all_finite:
                            try:
                                refused = fast.calls[turn]()
                            except self._engine.failures as error:
                                note = self._noted = self._note()
                                refused = self._recover(error, fast, before)
                            if not refused:
                                if self._remember is not None:
                                    last = self._guard.last
                                    self._remember(fast.views)
                                found = self._all(fast) if fast.copy is None else fast.copy()
                                self._turn = turn ^ 1
                                self._frames = before + fast.frames
                                self._token.append(None)
                                return found
                if self._ready and self._noted is None:
                    was, rest, last = self._binding, self._rest, self._guard.last
                    known = self._known or self._get_to_know()
                    count, arrays = known.frames_of(frames)
                    if count:
                        runs = self._runs(before) if rest is None else self._settled_runs
                        try:
                            quickly = self._push_known(known, count, arrays, turn, runs)
                        except self._engine.failures as error:
                            note = self._noted = self._note()
                            quickly = None
                            self._recover(error, self._bindings.of(self._ready_frames(count)), before)
                        if quickly is not None:
                            self._token.append(None)
                            return quickly
                if self._noted is None:
                    note = self._noted = self._note()
                found = self._push_any(frames)
                self._entries += 1
                self._noted = None
                self._token.append(None)
                return found
            except BaseException as error:
                names = locals()
                note = self._note_of(names)
                # They hold the error, and its traceback holds them: a circle that would keep the stream alive.
                names.clear()
                if not self._failed(error, note):
                    raise

    @property
    def input(self) -> Array:
        """As `Stream.input`."""
        return self._once.view

    @property
    def inputs(self) -> dict[str, Array]:
        """As `Stream.inputs`."""
        return dict(self._once.views)

    @property
    def output(self) -> Array:
        """As `Stream.output`."""
        return self._once.outs[0].view

    @property
    def outputs(self) -> dict[str, Array]:
        """As `Stream.outputs`."""
        return {out.port.name: out.view for out in self._once.outs}

    @entrance
    def step(self) -> int:
        """As `Stream.step`."""
        note: Note | None
        while True:
            try:
                self._token.pop()
                before = self._frames
                quick = self._quick
                if quick is not None:
                    try:
                        refused = quick()
                    except self._engine.failures as error:
                        note = self._noted = self._note()
                        refused = self._recover(error, self._once, before)
                    if not refused:
                        self._frames = before + self._unit
                        self._token.append(None)
                        return self._count
                once = self._once
                if quick is None and self._fast is once and once.shape is not None:
                    if not once.checks:
                        _isfinite(once.view, once.mask)
                    if once.checks or once.mask_bytes() == once.all_finite:
                        turn = self._turn
                        try:
                            refused = once.calls[turn]()
                        except self._engine.failures as error:
                            note = self._noted = self._note()
                            refused = self._recover(error, once, before)
                        if not refused:
                            if self._remember is not None:
                                last = self._guard.last
                                self._remember(once.views)
                            self._turn = turn ^ 1
                            self._frames = before + once.frames
                            self._token.append(None)
                            return once.count
                if self._noted is None:
                    note = self._noted = self._note()
                count = self._step_any()
                self._entries += 1
                self._noted = None
                self._token.append(None)
                return count
            except BaseException as error:
                names = locals()
                note = self._note_of(names)
                # They hold the error, and its traceback holds them: a circle that would keep the stream alive.
                names.clear()
                if not self._failed(error, note):
                    raise

    @alone
    def gap(self, frames: int) -> Frames:
        """As `Stream.gap`."""
        return self._fill_gap(frames)

    @alone
    def finish(self) -> Frames:
        """As `Stream.finish`."""
        self._check_open()
        if not self._frames:
            raise InputError("finish: the sequence is empty; push at least one frame first")
        return self.shaped(self._finish())

    @alone
    def reset(self) -> None:
        """As `Stream.reset`."""
        self._begin()

    @alone
    def snapshot(self) -> bytes:
        """As `Stream.snapshot`."""
        return pack(self._snapshot())

    @alone
    def restore(self, data: bytes, name: str = "snapshot") -> None:
        """As `Stream.restore`."""
        self.stand_at(fitted(unpack(data, name), self._snapshot(), self.contract, name))

    @property
    def states(self) -> dict[str, Array]:
        """As `Stream.states`."""
        return self._copied_states()

    @property
    def context(self) -> dict[str, Array]:
        """As `Stream.context`."""
        return own_axes(self._copied_states(), self.contract, self.batch) if self.contract.contexts else {}

    @alone
    def set_context(self, context: Mapping[str, object]) -> None:
        """As `Stream.set_context`."""
        given = checked_context(context, self.contract, self.batch, "set_context")
        place = self.place()
        self.stand_at(place._replace(arrays={**place.arrays, **{f"state:{n}": a for n, a in given.items()}}))

    @alone
    def copy(self) -> StreamRunner:
        """A second runner that stands where this one does."""
        other = StreamRunner(self._loaded, self.batch, self._given, self._policies)
        other.stand_at(self._snapshot())
        return other

    @alone
    def _copied_states(self) -> dict[str, Array]:
        return self._states.copies(self._turn)
