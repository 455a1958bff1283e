"""One sequence in progress."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.engines import Engine
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames, checked, checked_inputs, checked_states, non_finite
from rnnedge_runtime.lane import Lane, Lanes, StateBuffers

# A long push runs in pieces of this many frames: enough to reach a recurrent kernel's full throughput, few enough that
# intermediate values of a wide network stay in the tens of megabytes.
_PIECE_FRAMES = 1024
_ndarray = np.ndarray
_isfinite = np.isfinite


class Stream:
    """One sequence, or several of equal length, in progress; created by `Model.stream`, used by one owner.

    The state survives from `push` to `push` until `reset`. Frames are (time, ...) for batch 1, else (batch, time, ...).
    Any way of cutting a sequence into pushes gives the same outputs.
    """

    def __init__(self, engine: Engine, contract: Contract, batch: int, states: Mapping[str, Array]) -> None:
        """Used by `Model.stream`."""
        self.contract = contract
        self.batch = batch
        self._states = StateBuffers(contract.states, batch, checked_states(states, contract, batch))
        self._time = 0 if batch == 1 else 1
        self._unit, self._warmup = contract.unit, contract.warmup
        self._lanes = Lanes(engine, contract, self._states, batch)
        self._once = self._lanes.once
        # The lane that a push may use without a look at the rest, and frames that wait for a whole call.
        self._fast: Lane | None = None
        self._rest: dict[str, Array] | None = None
        self.reset()

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

    def reset(self) -> None:
        """Forget the sequence: initial states, no held-back frames. Starts the next one."""
        self._states.reset()
        self._turn = 0
        self._frames = 0
        self._calls = 0
        self._skip = {port.name: port.clock.delay for port in self.contract.outputs if port.per_frame}
        self._rest = None
        self._finished = False
        self._lane = self._lanes.of(self._unit)
        self._settle()

    def _all(self, lane: Lane) -> Frames:
        """Every per-frame output of a call in the middle of a sequence."""
        return self._shaped({out.port.name: out.view.copy() for out in lane.outs if out.port.per_frame})

    def _settle(self) -> None:
        """Choose the lane that a push may use without a look at the rest.

        None while frames are held back, while the first frames out mean nothing, and after the end.
        """
        ready = self._rest is None and self._calls >= self._warmup
        self._fast = self._lane if ready else None
        if ready:
            self._lane.place(self._frames, None)

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

    def _call(self, lane: Lane, fed: int, total: int | None) -> dict[str, Array]:
        """Run a filled lane and copy out its per-frame outputs: frames from 0, and none after the end.

        `fed` input frames went before; `total` is the length of the sequence, None while it goes on.
        """
        lane.place(fed, total)
        lane.calls[self._turn]()
        self._turn ^= 1
        self._lane = lane
        self._calls += 1
        if self._calls <= self._warmup:
            self._states.hold(self._turn, self._calls)
        ready = {}
        for out in lane.outs:
            if out.port.per_frame:
                clock = out.port.clock
                count = clock.frames(lane.frames)
                first = min(self._skip[out.port.name], count)
                self._skip[out.port.name] -= first
                if total is not None:
                    count = min(count, clock.valid(total) + clock.delay - clock.frames(fed))
                ready[out.port.name] = out.view[self._at(slice(first, max(first, count)))].copy()
        return ready

    @property
    def _held(self) -> int:
        """Frames that wait for a whole call."""
        return 0 if self._rest is None else int(next(iter(self._rest.values())).shape[self._time])

    def _summaries(self, fed: int, total: int, ended: bool) -> dict[str, Array]:
        """Summaries whose last frame came with the call just made; at the end, all of them."""
        found = {}
        for out in self._lane.outs:
            clock = out.port.clock
            last = clock.valid(total) - 1 + clock.delay
            if not out.port.per_frame and (last < clock.frames(fed) or ended):
                found[out.port.name] = out.view.copy()
        return found

    def _nothing(self) -> dict[str, Array]:
        """No frame of each per-frame output."""
        return {o.port.name: o.view[self._at(slice(0))] for o in self._lane.outs if o.port.per_frame}

    def _join(self, parts: list[dict[str, Array]]) -> dict[str, Array]:
        return {name: np.concatenate([p[name] for p in parts], axis=self._time) for name in parts[0]}

    def _shaped(self, found: dict[str, Array]) -> Frames:
        """What a user gets: an array, or a dict by name; a summary that is not there yet has no frame."""
        missing = {o.port.name: o.view[self._at(slice(0))] for o in self._lane.outs if o.port.name not in found}
        ordered = {out.port.name: (found | missing)[out.port.name] for out in self._lane.outs}
        return ordered if len(ordered) > 1 else next(iter(ordered.values()))

    def _at(self, time: slice) -> tuple[slice, ...]:
        return (slice(None),) * self._time + (time,)

    def _check_open(self) -> None:
        if self._finished:
            raise InputError("stream: the sequence is finished; call reset() to start the next one")
