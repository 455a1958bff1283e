"""One sequence in progress."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.engines import Engine
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.lane import Lane, StateBuffers

Frames = Array | dict[str, Array]

# A long push runs in pieces of this many frames: enough to reach a recurrent kernel's full throughput, few enough that
# intermediate values of a wide network stay in the tens of megabytes.
_PIECE_FRAMES = 1024
_LANES_KEPT = 8
_ndarray = np.ndarray
_isfinite = np.isfinite


class Stream:
    """One sequence, or several of equal length, in progress; created by `Model.stream`, used by one owner.

    The state survives from `push` to `push` until `reset`. Frames are (time, ...) for batch 1, else (batch, time, ...).
    Any way of cutting a sequence into pushes gives the same outputs.
    """

    def __init__(self, engine: Engine, contract: Contract, batch: int) -> None:
        """Used by `Model.stream`."""
        self.contract = contract
        self.batch = batch
        self._engine = engine
        self._states = StateBuffers(contract.states, batch)
        self._turn = 0
        self._time = 0 if batch == 1 else 1
        self._lanes: OrderedDict[int, Lane] = OrderedDict()
        self._lane = self._lane_for(contract.chunk or 1)
        # The lane that a push may use without a look at the rest: none while frames are held back, or at the end.
        self._fast: Lane | None = self._lane
        self._held = 0
        self._frames = 0
        self._finished = False

    @property
    def frames(self) -> int:
        """How many frames were pushed since the start or the last `reset`."""
        return self._frames

    def push(self, frames: Array) -> Frames:
        """Take the next frames, return the output frames that became computable, possibly none.

        `frames`: (time, ...) for batch 1, else (batch, time, ...), of the input's dtype; zero frames are allowed.
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
            raise self._non_finite(frames)
        fast.view[...] = frames
        fast.calls[self._turn]()
        self._turn ^= 1
        self._frames += fast.frames
        return self._take(fast, fast.frames) if fast.copy is None else fast.copy()

    def finish(self) -> Frames:
        """End the sequence and return what only its end can complete: held-back frames, and summaries as one frame.

        Raises `InputError` where no frame was pushed, or where the sequence is already finished.
        """
        self._check_open()
        if not self._frames:
            raise InputError("finish: the sequence is empty; push at least one frame first")
        self._finished = True
        self._fast = None
        lane, valid = self._lane, self._held
        if valid:
            lane.view[self._at(slice(valid, None))] = 0
            lane.last_frame[...] = valid - 1
            self._call(lane)
            lane.last_frame[...] = lane.frames - 1
        return self._take(lane, valid, end=True)

    def reset(self) -> None:
        """Forget the sequence: initial states, no held-back frames. Starts the next one."""
        self._states.reset()
        self._turn = 0
        self._held = 0
        self._frames = 0
        self._finished = False
        self._fast = self._lane

    def _push_any(self, frames: Array) -> Frames:
        """Check, then run the frames as whole lanes."""
        self._check_open()
        array = self._checked(frames)
        total = array.shape[self._time]
        ready = [self._take(self._lane, 0)]
        start = 0
        while start < total:
            lane = self._lane_for(self.contract.chunk or min(total - start, _PIECE_FRAMES))
            self._lane = lane
            taken = min(lane.frames - self._held, total - start)
            lane.view[self._at(slice(self._held, self._held + taken))] = array[self._at(slice(start, start + taken))]
            start += taken
            self._held += taken
            if self._held == lane.frames:
                self._call(lane)
                self._held = 0
                ready.append(self._take(lane, lane.frames))
        self._frames += total
        self._fast = None if self._held else self._lane
        return self._join(ready)

    def _call(self, lane: Lane) -> None:
        lane.calls[self._turn]()
        self._turn ^= 1

    def _take(self, lane: Lane, frames: int, end: bool = False) -> Frames:
        """Copy out the first `frames` per-frame outputs, and at the end the summaries."""
        counts = [frames if out.per_frame else int(end) for out in lane.outs]
        taken = {o.name: o.view[self._at(slice(n))].copy() for o, n in zip(lane.outs, counts, strict=True)}
        return taken if len(taken) > 1 else taken[lane.outs[0].name]

    def _join(self, parts: list[Frames]) -> Frames:
        if isinstance(parts[0], dict):
            names = list(parts[0])
            return {n: np.concatenate([p[n] for p in parts if isinstance(p, dict)], axis=self._time) for n in names}
        return np.concatenate([p for p in parts if not isinstance(p, dict)], axis=self._time)

    def _at(self, time: slice) -> tuple[slice, ...]:
        return (slice(None),) * self._time + (time,)

    def _lane_for(self, frames: int) -> Lane:
        lane = self._lanes.pop(frames, None)
        if lane is None:
            lane = Lane(self._engine, self.contract, self._states, self.batch, frames)
            if len(self._lanes) >= _LANES_KEPT:
                self._lanes.popitem(last=False)
        self._lanes[frames] = lane
        return lane

    def _check_open(self) -> None:
        if self._finished:
            raise InputError("stream: the sequence is finished; call reset() to start the next one")

    def _checked(self, frames: Array) -> Array:
        """Raise `InputError` unless `frames` has the input's dtype and shape and is finite."""
        port = self.contract.inputs[0]
        array = np.asarray(frames)
        expected = (*((self.batch,) if self.batch > 1 else ()), "time", *port.frame_shape)
        fits = array.ndim == len(expected) and all(
            e in ("time", found) for e, found in zip(expected, array.shape, strict=True)
        )
        if not fits:
            hint = ""
            if array.shape == port.frame_shape:
                hint = "; one frame is frames[None]"
            elif array.ndim == len(expected) + 1:
                hint = "; frames have no batch axis, use model.stream(batch=n) for several sequences"
            shown = ", ".join(str(e) for e in expected)
            raise InputError(f"input {port.name!r}: expected shape ({shown}), found {array.shape}{hint}")
        if array.dtype != port.dtype:
            raise InputError(
                f"input {port.name!r}: expected dtype {port.dtype}, found {array.dtype}; "
                f"use frames.astype(numpy.{port.dtype})"
            )
        # Native LSTM and GRU kernels turn NaN into plausible numbers, so it must not reach the graph.
        if not np.isfinite(array).all():
            raise self._non_finite(array)
        return array

    def _non_finite(self, frames: Array) -> InputError:
        place = np.argwhere(~np.isfinite(frames))[0]
        sequence = f"sequence {place[0]}, " if self.batch > 1 else ""
        frame = self._frames + int(place[self._time])
        feature = ", ".join(str(i) for i in place[self._time + 1 :])
        return InputError(
            f"input {self.contract.inputs[0].name!r}: {sequence}frame {frame}, feature {feature}: expected a finite "
            f"number, found {frames[tuple(place)]}; nothing was run, mend the source or leave the frame out"
        )
