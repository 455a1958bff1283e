"""What a stream holds between calls, and what one call does to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from rnnedge_runtime.calls import Calls
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, RnnEdgeError
from rnnedge_runtime.faults import Log, Policies
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.guard import Guard
from rnnedge_runtime.lane import Lane
from rnnedge_runtime.loaded import Loaded
from rnnedge_runtime.memory import bulk, most_frames, too_many
from rnnedge_runtime.snapshot import Snapshot


class Sequence(Calls):
    """Frames in, frames out, frames that wait; the part of a `Stream` that its callers do not see."""

    def __init__(self, loaded: Loaded, batch: int, states: Mapping[str, Array], policies: Policies) -> None:
        """Used by `Model.stream`."""
        super().__init__(loaded, batch, states, policies)
        self._serve(policies, self._log)
        self._time = 0 if batch == 1 else 1
        self._unit, self._piece = self.contract.unit, bulk(self.contract, batch, loaded.room, self.contract.piece)
        # How many frames a push may bring; None: any number.
        self._most = most_frames(self.contract, batch, loaded.room)
        # The lane that a push may use without a look at the rest, and frames that wait for a whole call.
        self._fast: Lane | None = None
        # The call that is a whole step by itself, or None; and how many frames of the first output it brings.
        self._quick: Callable[[], object] | None = None
        self._count = self._once.count
        self._rest: dict[str, Array] | None = None
        self._begin()

    def _serve(self, policies: Policies, log: Log) -> None:
        """Apply these policies from now on, and note in `log` what they do."""
        self._policies, self._log = policies, log
        self._guard = Guard(policies, self.contract, self.batch, log)
        self._remember = self._guard.remember if policies.holds else None

    def _begin(self) -> None:
        """Initial states, no frame, none that waits."""
        self._states.reset()
        self._turn = 0
        self._frames = 0
        self._calls = 0
        self._skip = {port.name: port.clock.delay for port in self.contract.outputs if port.per_frame}
        self._rest = None
        self._finished = False
        self._lane = self._lanes.of(self._unit)
        self._guard.reset()
        self._settle()

    def _settle(self) -> None:
        """Choose the lane that a push may use without a look at the rest.

        None while frames are held back, while the first frames out mean nothing, and after the end.
        """
        ready = self._rest is None and self._calls >= self._warmup and not self._finished
        self._fast = self._lane if ready else None
        if ready:
            self._lane.place(self._frames, None)
        once = self._once
        self._quick = once.quick if self._fast is once and self._remember is None else None

    def _take(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """Run checked frames as whole lanes; what is no whole lane waits. An error leaves all as it was."""
        count = _length(arrays, self._time)
        if self._most is not None and count > self._most:
            room, batch = self._loaded.room, self.batch
            raise too_many("push", count, self.contract, batch, room, f"push at most {self._most:,} at a time")
        kept = None if self._held + _length(arrays, self._time) < 2 * self._unit else self._kept()
        frames, rest = self._frames, self._rest
        try:
            found = self._run(arrays)
        except RnnEdgeError:
            if kept is not None:
                self._put(kept)
            self._frames, self._rest = frames, rest
            raise
        if self._remember is not None:
            self._remember(arrays)
        self._settle()
        return found

    def _run(self, arrays: dict[str, Array]) -> dict[str, Array]:
        fed = self._frames - self._held
        self._frames += _length(arrays, self._time)
        if self._rest is not None:
            arrays = {name: np.concatenate([self._rest[name], a], axis=self._time) for name, a in arrays.items()}
        total = _length(arrays, self._time)
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
        return self._join(parts)

    def _next_frames(self, ready: int) -> int:
        """How many of the frames that are ready the next call takes."""
        if self.contract.chunk or self._calls < self._warmup:
            return self._unit
        return max(self._unit, min(ready, self._piece) // self._unit * self._unit)

    def _finish(self) -> dict[str, Array]:
        """Complete every output, as the source module does at the end of a sequence."""
        kept = self._kept()
        fed, total = self._frames - self._held, self.contract.whole_length(self._frames)
        end = self.contract.complete_after(fed, total)
        summaries = self._summaries(fed, total, fed == end)
        parts = [self._nothing()]
        try:
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
        except RnnEdgeError:
            self._put(kept)
            raise
        self._finished = True
        self._fast = self._quick = None
        return self._join(parts) | summaries

    def _end(self) -> dict[str, Array]:
        """The per-frame outputs that the end of the sequence completes; then the next sequence."""
        found = self._finish() if self._frames else self._nothing()
        self._begin()
        return {name: found[name] for name in self._nothing()}

    def _call(self, lane: Lane, fed: int, total: int | None) -> dict[str, Array]:
        """Run a filled lane and copy out its per-frame outputs: frames from 0, and none after the end.

        `fed` input frames went before; `total` is the length of the sequence, None while it goes on.
        """
        lane = self._call_lane(lane, fed, total)
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

    def _all(self, lane: Lane) -> Frames:
        """Every per-frame output of a call in the middle of a sequence."""
        return self._shaped({out.port.name: out.view.copy() for out in lane.outs if out.port.per_frame})

    def _join(self, parts: list[dict[str, Array]]) -> dict[str, Array]:
        return {name: np.concatenate([p[name] for p in parts], axis=self._time) for name in parts[0]}

    def _shaped(self, found: dict[str, Array]) -> Frames:
        """What a user gets: an array, or a dict by name; a summary that is not there yet has no frame."""
        missing = {o.port.name: o.view[self._at(slice(0))] for o in self._lane.outs if o.port.name not in found}
        ordered = {out.port.name: (found | missing)[out.port.name] for out in self._lane.outs}
        return ordered if len(ordered) > 1 else next(iter(ordered.values()))

    def _at(self, time: slice) -> tuple[slice, ...]:
        return (slice(None),) * self._time + (time,)

    @property
    def _held(self) -> int:
        """Frames that wait for a whole call."""
        return 0 if self._rest is None else _length(self._rest, self._time)

    def _check_open(self) -> None:
        if self._finished:
            raise InputError("stream: the sequence is finished; call reset() to start the next one")

    def _snapshot(self) -> Snapshot:
        self._states.fetch(self._turn)
        arrays = {f"state:{name}": array for name, array in self._states.sets[self._turn].items()}
        summaries = {o.port.name: o.view for o in self._lane.outs if not o.port.per_frame}
        arrays |= {f"summary:{name}": view for name, view in summaries.items()}
        arrays |= {f"rest:{name}": array for name, array in (self._rest or {}).items()}
        skip = [self._skip[port.name] for port in self.contract.outputs if port.per_frame]
        fields = {"batch": self.batch, "frames": self._frames, "calls": self._calls, "finished": self._finished}
        if self._policies.holds:
            arrays |= {f"last:{name}": array for name, array in self._guard.last.items()}
        return Snapshot(self._loaded.digest, self._loaded.source, {**fields, "skip": skip}, arrays)

    def _kept(self) -> Snapshot:
        """A snapshot with arrays of its own."""
        live = self._snapshot()
        return replace(live, arrays={name: array.copy() for name, array in live.arrays.items()})

    def _put(self, found: Snapshot) -> None:
        for name, array in self._states.sets[self._turn].items():
            array[...] = found.arrays[f"state:{name}"]
        self._states.store(self._turn)
        self._lane = self._once
        for out in self._lane.outs:
            if not out.port.per_frame:
                out.view[...] = found.arrays[f"summary:{out.port.name}"]
        rest = {name.removeprefix("rest:"): a for name, a in found.arrays.items() if name.startswith("rest:")}
        self._rest = {name: array.copy() for name, array in rest.items()} or None
        self._guard.reset()
        for name, array in self._guard.last.items():
            array[...] = found.arrays.get(f"last:{name}", array)
        self._frames, self._calls = int(found.fields["frames"]), int(found.fields["calls"])
        self._finished = bool(found.fields["finished"])
        per_frame = [port.name for port in self.contract.outputs if port.per_frame]
        self._skip = dict(zip(per_frame, map(int, found.fields["skip"]), strict=True))
        self._settle()


def _length(arrays: Mapping[str, Array], time: int) -> int:
    return int(next(iter(arrays.values())).shape[time])
