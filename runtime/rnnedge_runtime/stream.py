"""One sequence in progress."""

from __future__ import annotations

import os
from collections import Counter
from itertools import chain, repeat

import numpy as np

from rnnedge_runtime._exclusive import alone, entrance
from rnnedge_runtime._memory import most_frames, too_many
from rnnedge_runtime._sequence_runner import Sequence
from rnnedge_runtime._snapshot import fitted, pack, unpack
from rnnedge_runtime._undo import Note
from rnnedge_runtime.arguments import integer
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import MOST_GAP, Frames

_ndarray = np.ndarray
_isfinite = np.isfinite


class Stream(Sequence):
    """One sequence, or several of equal length, in progress; created by `Model.stream`, used by one owner.

    The state survives from `push` to `push` until `reset`. Frames are (time, ...) for batch 1, else (batch, time, ...).
    Any way of cutting a sequence into pushes gives the same outputs. Another thread may take a stream over between
    two calls; one that comes in during a call gets an `OwnerError`, and so does a forked child.
    """

    def __repr__(self) -> str:
        batch = f", batch {self.batch}" if self.batch > 1 else ""
        return f"<rnnedge Stream of {self._loaded.name!r}{batch}, frame {self._frames}>"

    @property
    def frames(self) -> int:
        """How many frames were pushed since the start or the last `reset`."""
        return self._frames

    @property
    def counters(self) -> Counter[str]:
        """How many frames each kind of `Event` has concerned since the stream was made; `reset` leaves them."""
        return self._log.counters

    @property
    def provider(self) -> str:
        """The execution provider that runs this stream now."""
        return self._engine.provider

    @entrance
    def push(self, frames: Frames) -> Frames:
        """Take the next frames, return the output frames that became computable, possibly none.

        `frames`: (time, ...) for batch 1, else (batch, time, ...), of the input's dtype; zero frames are allowed. A
        dict by name, with equally many frames of each, where the model has several inputs.
        Returns (time, ...) or (batch, time, ...); a dict by name where the model has several outputs, as a file with
        taps always has (`contract.taps`). A summary, such as `y[:, -1]`, has no frames before the end: it comes from
        `finish`.

        Raises `InputError` for a wrong shape or dtype, after `finish`, and, where the policy is to reject, for a NaN
        or an infinity (naming frame and feature); `Stalled` beyond the time limit; `ProviderError` where the provider
        fails and no other takes over. The stream is then as before the call.
        """
        note: Note | None
        while True:
            try:
                self._token.pop()
                turn = self._turn
                before = self._frames
                fast = self._fast
                if (
                    fast is not None
                    and frames.__class__ is _ndarray
                    and frames.shape == fast.shape
                    # One that came from another process is equal, and not the same.
                    and (frames.dtype is fast.dtype or frames.dtype == fast.dtype)
                ):
                    if not fast.checks:
                        _isfinite(frames, fast.mask)
                    if fast.checks or fast.mask_bytes() == fast.all_finite:
                        fast.view[...] = frames
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
        """Where `step` reads: a view (hop, ...), or (batch, hop, ...), of a bound buffer, to be filled in place.

        The first input where there are several; `inputs` has each by name.
        """
        return self._once.view

    @property
    def inputs(self) -> dict[str, Array]:
        """`input`, of every input by name."""
        return dict(self._once.views)

    @property
    def output(self) -> Array:
        """Where `step` leaves the frames of the first output until the next `step`; `outputs` has each by name."""
        return self._once.outs[0].view

    @property
    def outputs(self) -> dict[str, Array]:
        """`output`, of every output by name; a summary is that of the frames so far."""
        return {out.port.name: out.view for out in self._once.outs}

    @entrance
    def step(self) -> int:
        """Run one call over the frames in `input`: what `push` does, without a copy and without an allocation.

        Returns how many frames of `output`, counted from its end, belong to the sequence: all of them, but for the
        first calls of a network with a delay. `push` may come between, as long as no frame waits for a whole call.
        The policies mend `input` in place; "reset" leaves the whole call out, and returns 0.

        Raises what `push` raises, and `InputError` where frames wait.
        """
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
        """`frames` frames never came: apply the gap policy, and return what `push` would.

        "hold" pushes the last frame so many times, "zero" zeros, so that outputs stay aligned with time. "reset" ends
        the sequence, returns what its end completes, and starts another with the next frame.
        """
        policy = self._policies.gap
        # A sequence that ends takes no longer for more of them; the others are run.
        integer(frames, "gap: frames", most=None if policy == "reset" else MOST_GAP)
        self._check_open()
        most = None if policy == "reset" else most_frames(self.contract, self.batch, self._loaded.room, given=False)
        if most is not None and frames > most:
            remedy = f"of more than {most:,}, let the sequence end with gap='reset'"
            raise too_many("gap", frames, self.contract, self.batch, self._loaded.room, remedy)
        self._log("gap", self._frames, frames, f"{frames} frames never came; policy {policy}")
        if policy == "reset":
            return self._shaped(self._end())
        whole, rest = divmod(frames, self._piece)
        sizes = chain(repeat(self._piece, whole), [rest])
        return self._shaped(self._join([self._take(self._guard.fill(size)) for size in sizes]))

    @alone
    def finish(self) -> Frames:
        """End the sequence and return what only its end can complete: held-back frames, and summaries as one frame.

        Raises `InputError` where no frame was pushed, or where the sequence is already finished.
        """
        self._check_open()
        if not self._frames:
            raise InputError("finish: the sequence is empty; push at least one frame first")
        return self._shaped(self._finish())

    @alone
    def reset(self) -> None:
        """Forget the sequence: initial states, no held-back frames. Starts the next one."""
        self._begin()

    @alone
    def snapshot(self) -> bytes:
        """Where the stream stands, as bytes for `restore`: states, frames that wait, summaries, a checksum."""
        return pack(self._snapshot())

    @alone
    def restore(self, data: bytes, name: str = "snapshot") -> None:
        """Go on where another stream stood, of the same file or of the same weights in another precision.

        Also in another process, on another machine or provider. Raises `ModelRefused` for a snapshot of another model,
        naming both digests, and `InputError` for one that is damaged or of another batch; the stream is as before then.
        `name` is how messages call it.
        """
        self._put(fitted(unpack(data, name), self._snapshot(), self.contract, name))

    @property
    def states(self) -> dict[str, Array]:
        """Copies of the states as they stand, by the names and in the axis order of `contract.states`."""
        return self._copied_states()

    @alone
    def copy(self) -> Stream:
        """A second stream that stands where this one does, and goes its own way."""
        other = Stream(self._loaded, self.batch, self._given, self._policies)
        other._put(self._snapshot())
        return other

    def save(self, path: str | os.PathLike[str]) -> None:
        """Keep a snapshot in a file, atomically; the one before stays as `path.previous`."""
        from rnnedge_runtime._snapshot_file import keep

        keep(path, self.snapshot())

    def load(self, path: str | os.PathLike[str]) -> None:
        """`restore` the newest whole snapshot of `save`; raises `InputError` where there is none."""
        from rnnedge_runtime._snapshot_file import newest

        self.restore(newest(path), os.fspath(path))

    @alone
    def _copied_states(self) -> dict[str, Array]:
        return self._states.copies(self._turn)
