"""One sequence in progress."""

from __future__ import annotations

import os

import numpy as np

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames, checked, checked_inputs, non_finite
from rnnedge_runtime.keep import keep, newest
from rnnedge_runtime.sequence import Sequence
from rnnedge_runtime.snapshot import check_fits, pack, unpack

# A long push runs in pieces of this many frames: enough to reach a recurrent kernel's full throughput, few enough that
# intermediate values of a wide network stay in the tens of megabytes.
_PIECE_FRAMES = 1024
_ndarray = np.ndarray
_isfinite = np.isfinite


class Stream(Sequence):
    """One sequence, or several of equal length, in progress; created by `Model.stream`, used by one owner.

    The state survives from `push` to `push` until `reset`. Frames are (time, ...) for batch 1, else (batch, time, ...).
    Any way of cutting a sequence into pushes gives the same outputs.
    """

    @property
    def frames(self) -> int:
        """How many frames were pushed since the start or the last `reset`."""
        return self._frames

    def push(self, frames: Frames) -> Frames:
        """Take the next frames, return the output frames that became computable, possibly none.

        `frames`: (time, ...) for batch 1, else (batch, time, ...), of the input's dtype; zero frames are allowed. A
        dict by name, with equally many frames of each, where the model has several inputs.
        Returns (time, ...) or (batch, time, ...); a dict by name where the model has several outputs. A summary, such
        as `y[:, -1]`, has no frames before the end: it comes from `finish`.

        Raises `InputError` for a wrong shape or dtype, for a NaN or an infinity (naming frame and feature), and after
        `finish`. The state is then as before the call.
        """
        fast = self._fast
        if (
            fast is None
            or frames.__class__ is not _ndarray
            or frames.shape != fast.shape
            or frames.dtype is not fast.dtype
        ):
            return self._push_any(frames)
        _isfinite(frames, fast.mask)
        if fast.mask_bytes() != fast.all_finite:
            raise non_finite(frames, self.contract.inputs[0], self.batch, self._frames)
        fast.view[...] = frames
        fast.calls[self._turn]()
        self._turn ^= 1
        self._frames += fast.frames
        return self._all(fast) if fast.copy is None else fast.copy()

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

    def step(self) -> int:
        """Run one call over the frames in `input`: what `push` does, without a copy and without an allocation.

        Returns how many frames of `output`, counted from its end, belong to the sequence: all of them, but for the
        first calls of a network with a delay. `push` may come between, as long as no frame waits for a whole call.

        Raises `InputError` as `push` does, and where frames wait.
        """
        once = self._once
        if self._fast is not once or once.shape is None:
            return self._step_any()
        _isfinite(once.view, once.mask)
        if once.mask_bytes() != once.all_finite:
            raise non_finite(once.view, self.contract.inputs[0], self.batch, self._frames)
        once.calls[self._turn]()
        self._turn ^= 1
        self._frames += once.frames
        return once.count

    def finish(self) -> Frames:
        """End the sequence and return what only its end can complete: held-back frames, and summaries as one frame.

        Raises `InputError` where no frame was pushed, or where the sequence is already finished.
        """
        self._check_open()
        if not self._frames:
            raise InputError("finish: the sequence is empty; push at least one frame first")
        self._finished = True
        self._fast = None
        fed, total = self._frames - self._held, self.contract.whole_length(self._frames)
        end = self.contract.complete_after(fed, total)
        summaries = self._summaries(fed, total, fed == end)
        parts = [self._nothing()]
        while fed < end:
            lane = self._lanes.of(self._unit)
            for name, view in lane.views.items():
                view[self._at(slice(self._held, None))] = 0
                if self._rest is not None:
                    view[self._at(slice(self._held))] = self._rest[name]
            self._rest = None
            parts.append(self._call(lane, fed, total))
            fed += lane.frames
            summaries = self._summaries(fed, total, fed == end) | summaries
        return self._shaped(self._join(parts) | summaries)

    def snapshot(self) -> bytes:
        """Where the stream stands, as bytes for `restore`: states, frames that wait, summaries, a checksum."""
        return pack(self._snapshot())

    def restore(self, data: bytes, name: str = "snapshot") -> None:
        """Go on where another stream of the same file stood, on this or another machine or provider.

        Raises `ModelRefused` for a snapshot of another file, naming both digests, and `InputError` for one that is
        damaged or of another batch; the stream is as before then. `name` is how messages call it.
        """
        found = unpack(data, name)
        check_fits(found, self._snapshot(), name)
        self._put(found)

    def copy(self) -> Stream:
        """A second stream that stands where this one does, and goes its own way."""
        other = Stream(self._engine, self.contract, self.batch, self._given, self._digest)
        other._put(self._snapshot())
        return other

    def save(self, path: str | os.PathLike[str]) -> None:
        """Keep a snapshot in a file, atomically; the one before stays as `path.previous`."""
        keep(path, self.snapshot())

    def load(self, path: str | os.PathLike[str]) -> None:
        """`restore` the newest whole snapshot of `save`; raises `InputError` where there is none."""
        self.restore(newest(path), os.fspath(path))

    def _push_any(self, frames: Frames) -> Frames:
        """Check, then run the frames as whole lanes; what is no whole lane waits."""
        self._check_open()
        arrays = checked_inputs(frames, self.contract, self.batch, self._frames)
        fed = self._frames - self._held
        self._frames += next(iter(arrays.values())).shape[self._time]
        if self._rest is not None:
            arrays = {name: np.concatenate([self._rest[name], a], axis=self._time) for name, a in arrays.items()}
        total = next(iter(arrays.values())).shape[self._time]
        parts = [self._nothing()]
        start = 0
        while total - start >= self._unit:
            lane = self._lanes.of(self._next_frames(total - start))
            for name, view in lane.views.items():
                view[...] = arrays[name][self._at(slice(start, start + lane.frames))]
            start += lane.frames
            parts.append(self._call(lane, fed, None))
            fed += lane.frames
        rest = self._at(slice(start, None))
        self._rest = {name: array[rest].copy() for name, array in arrays.items()} if start < total else None
        self._settle()
        return self._shaped(self._join(parts))

    def _step_any(self) -> int:
        """`step` in the first calls of a stream, after a push of another length, or with several inputs."""
        self._check_open()
        if self._rest is not None:
            raise InputError(f"step: {self._held} frames wait for a whole call of {self._unit}; push the rest of them")
        for port in self.contract.inputs:
            checked(self._once.views[port.name], port, self.batch, self._frames)
        fed = self._frames
        self._frames += self._unit
        ready = self._call(self._once, fed, None)
        self._settle()
        first = ready.get(self._once.outs[0].port.name)
        return self._once.count if first is None else int(first.shape[self._time])

    def _next_frames(self, ready: int) -> int:
        """How many of the frames that are ready the next call takes."""
        if self.contract.chunk or self._calls < self._warmup:
            return self._unit
        return max(self._unit, min(ready, _PIECE_FRAMES) // self._unit * self._unit)
