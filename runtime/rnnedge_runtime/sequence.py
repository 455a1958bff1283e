"""What a stream holds between calls, and what one call does to it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.engines import Engine
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames, checked_states
from rnnedge_runtime.lane import Lane, Lanes, StateBuffers
from rnnedge_runtime.snapshot import Snapshot


class Sequence:
    """States, lanes, the count of frames and those that wait; the part of a `Stream` that its callers do not see."""

    def __init__(
        self, engine: Engine, contract: Contract, batch: int, states: Mapping[str, Array], digest: str
    ) -> None:
        """Used by `Model.stream`."""
        self._engine, self._given, self._digest = engine, states, digest
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

    def _settle(self) -> None:
        """Choose the lane that a push may use without a look at the rest.

        None while frames are held back, while the first frames out mean nothing, and after the end.
        """
        ready = self._rest is None and self._calls >= self._warmup
        self._fast = self._lane if ready else None
        if ready:
            self._lane.place(self._frames, None)

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
        return 0 if self._rest is None else int(next(iter(self._rest.values())).shape[self._time])

    def _check_open(self) -> None:
        if self._finished:
            raise InputError("stream: the sequence is finished; call reset() to start the next one")

    def _snapshot(self) -> Snapshot:
        arrays = {f"state:{name}": array for name, array in self._states.sets[self._turn].items()}
        summaries = {o.port.name: o.view for o in self._lane.outs if not o.port.per_frame}
        arrays |= {f"summary:{name}": view for name, view in summaries.items()}
        arrays |= {f"rest:{name}": array for name, array in (self._rest or {}).items()}
        skip = [self._skip[port.name] for port in self.contract.outputs if port.per_frame]
        fields = {"batch": self.batch, "frames": self._frames, "calls": self._calls, "finished": self._finished}
        return Snapshot(self._digest, {**fields, "skip": skip}, arrays)

    def _put(self, found: Snapshot) -> None:
        for name, array in self._states.sets[self._turn].items():
            array[...] = found.arrays[f"state:{name}"]
        self._lane = self._once
        for out in self._lane.outs:
            if not out.port.per_frame:
                out.view[...] = found.arrays[f"summary:{out.port.name}"]
        rest = {name.removeprefix("rest:"): a for name, a in found.arrays.items() if name.startswith("rest:")}
        self._rest = {name: array.copy() for name, array in rest.items()} or None
        self._frames, self._calls = int(found.fields["frames"]), int(found.fields["calls"])
        self._finished = bool(found.fields["finished"])
        per_frame = [port.name for port in self.contract.outputs if port.per_frame]
        self._skip = dict(zip(per_frame, map(int, found.fields["skip"]), strict=True))
        self._settle()
        if self._finished:
            self._fast = None
