"""What one call does to a stream."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, repeat

import numpy as np

from rnnedge_runtime._memory import most_frames, too_many
from rnnedge_runtime._stream_position import Standing
from rnnedge_runtime.arguments import integer
from rnnedge_runtime.binding import Binding
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import MOST_GAP, Frames, check_ranges, checked, checked_inputs

# That many calls of the least length are made sooner than one longer call is bound.
_FEW_CALLS = 16


class Sequence(Standing):
    """Frames in, frames out, frames that wait; the part of a `Stream` that its callers do not see."""

    def _push_any(self, frames: Frames) -> Frames:
        """Check and mend the frames, then run them; a policy may end the sequence between two of them."""
        self._check_open()
        arrays = checked_inputs(frames, self.contract, self.batch)
        check_ranges(arrays, self.contract, self.batch, self._frames)
        first, *others = self._guard.admit(arrays, self._frames)
        found = [self.take(first)]
        for part in others:
            found += [self._end(), self.take(part)]
        return self.shaped(self._join(found))

    def _step_any(self) -> int:
        """`step` in the first calls of a stream, after a push of another length, or with several inputs."""
        self._check_open()
        if self._rest is not None:
            raise InputError(f"step: {self._held} frames wait for a whole call of {self._unit}; push the rest of them")
        views = self._once.views
        for port in self.contract.inputs:
            checked(views[port.name], port, self.batch)
        check_ranges(views, self.contract, self.batch, self._frames)
        mended, *others = self._guard.admit(views, self._frames)
        if others:
            self._begin()
            return 0
        for name, view in views.items():
            view[...] = mended[name]
        ready = self._call(self._once, self._frames, None)
        self._frames += self._unit
        self._settle()
        if self._remember is not None:
            self._remember(self._once.views)
        first = ready.get(self._once.outs[0].port.name)
        return self._once.count if first is None else int(first.shape[self._time])

    def _fill_gap(self, frames: int) -> Frames:
        """Frames that never came, as the policy has it."""
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
            return self.shaped(self._end())
        whole, rest = divmod(frames, self._piece)
        sizes = chain(repeat(self._piece, whole), [rest])
        return self.shaped(self._join([self.take(self._guard.fill(size)) for size in sizes]))

    def take(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """Run checked frames as whole bindings; what is no whole binding waits."""
        count = _length(arrays, self._time)
        if self._most is not None and count > self._most:
            room, batch = self._loaded.room, self.batch
            raise too_many("push", count, self.contract, batch, room, f"push at most {self._most:,} at a time")
        found = self._run(arrays)
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
        whole = total // self._unit * self._unit
        if self.contract.chunk and self._ready and whole >= 2 * self._unit:
            found = self._chain(arrays, whole, fed)
        else:
            found = self._calls_over(arrays, whole, fed)
        rest = self._at(slice(whole, None))
        self._rest = {name: array[rest].copy() for name, array in arrays.items()} if whole < total else None
        return found

    def _calls_over(self, arrays: dict[str, Array], frames: int, fed: int) -> dict[str, Array]:
        """The first `frames` of the arrays by calls as long as may be; each writes its outputs where they stay."""
        found, filled, start = self._room_for(frames), dict.fromkeys(self._nothing(), 0), 0
        while start < frames:
            binding = self._bindings.of(self._next_frames(frames - start))
            for name, view in binding.views.items():
                view[...] = arrays[name][self._at(slice(start, start + binding.frames))]
            start += binding.frames
            for name, view in self._call(binding, fed, None).items():
                end = filled[name] + view.shape[self._time]
                found[name][self._at(slice(filled[name], end))] = view
                filled[name] = end
            fed += binding.frames
        return {name: array[self._at(slice(filled[name]))] for name, array in found.items()}

    def _chain(self, arrays: dict[str, Array], frames: int, fed: int) -> dict[str, Array]:
        """The first `frames` of the arrays by calls of the least binding, whose outputs lie one after the other."""
        binding, unit, found = self._once, self._unit, self._room_for(frames)
        for call in range(frames // unit):
            here = self._at(slice(call * unit, (call + 1) * unit))
            for name, view in binding.views.items():
                view[...] = arrays[name][here]
            binding = self._call_binding(binding, fed + call * unit, None)
            for out in binding.outs:
                if out.port.per_frame:
                    count = out.view.shape[self._time]
                    found[out.port.name][self._at(slice(call * count, (call + 1) * count))] = out.view
        return found

    def _room_for(self, frames: int) -> dict[str, Array]:
        """Arrays for all per-frame outputs that come with so many frames of the input."""
        found = {}
        for out in self._binding.outs:
            if out.port.per_frame:
                shape = list(out.view.shape)
                shape[self._time] = out.port.clock.frames(frames)
                found[out.port.name] = np.empty(shape, out.view.dtype)
        return found

    def _next_frames(self, ready: int) -> int:
        """How many of the frames that are ready the next call takes: no more than until a held state begins."""
        held = 0 if self._calls >= self._warmup else self._states.held_for(self._calls)
        if self.contract.chunk or 0 < held < _FEW_CALLS:
            return self._unit
        most = min(ready, self._piece, held * self._unit or ready)
        return max(self._unit, most // self._unit * self._unit)

    def _finish(self) -> dict[str, Array]:
        """Complete every output, as the source module does at the end of a sequence."""
        fed, total = self._frames - self._held, self.contract.whole_length(self._frames)
        end = self.contract.complete_after(fed, total)
        summaries = self._summaries(fed, total, fed == end)
        parts = [self._nothing()]
        while fed < end:
            # Where a sequence ends within a call, an engine that makes steps of it knows of one step only.
            few = self._marks_last or end - fed < _FEW_CALLS * self._unit
            binding = self._bindings.of(self._unit if few else self._next_frames(end - fed))
            for name, view in binding.views.items():
                view[self._at(slice(self._held, None))] = 0
                if self._rest is not None:
                    view[self._at(slice(self._held))] = self._rest[name]
            self._rest = None
            parts.append({name: view.copy() for name, view in self._call(binding, fed, total).items()})
            fed += binding.frames
            summaries = self._summaries(fed, total, fed == end) | summaries
        self._finished = True
        self._fast = self._quick = None
        self._ready = False
        return self._join(parts) | summaries

    def _end(self) -> dict[str, Array]:
        """The per-frame outputs that the end of the sequence completes; then the next sequence."""
        found = self._finish() if self._frames else self._nothing()
        self._begin()
        return {name: found[name] for name in self._nothing()}

    def _call(self, binding: Binding, fed: int, total: int | None) -> dict[str, Array]:
        """Run a filled binding; views of its per-frame outputs, good until the next call: from 0 to the end.

        `fed` input frames went before; `total` is the length of the sequence, None while it goes on.
        """
        binding = self._call_binding(binding, fed, total)
        ready = {}
        for out in binding.outs:
            if out.port.per_frame:
                clock = out.port.clock
                count = clock.frames(binding.frames)
                first = min(self._skip[out.port.name], count)
                self._skip[out.port.name] -= first
                if total is not None:
                    count = min(count, clock.valid(total) + clock.delay - clock.frames(fed))
                ready[out.port.name] = out.view[self._at(slice(first, max(first, count)))]
        return ready

    def _summaries(self, fed: int, total: int, ended: bool) -> dict[str, Array]:
        """Summaries whose last frame came with the call just made; at the end, all of them."""
        found = {}
        for port in self.contract.summaries:
            last = port.clock.valid(total) - 1 + port.clock.delay
            if last < port.clock.frames(fed) or ended:
                found[port.name] = self._latest[port.name].copy()
        return found

    def _nothing(self) -> dict[str, Array]:
        """No frame of each per-frame output."""
        return {o.port.name: o.view[self._at(slice(0))] for o in self._binding.outs if o.port.per_frame}

    def _all(self, binding: Binding) -> Frames:
        """Every per-frame output of a call in the middle of a sequence."""
        return self.shaped({out.port.name: out.view.copy() for out in binding.outs if out.port.per_frame})

    def _join(self, parts: list[dict[str, Array]]) -> dict[str, Array]:
        return {name: np.concatenate([p[name] for p in parts], axis=self._time) for name in parts[0]}

    def shaped(self, found: dict[str, Array]) -> Frames:
        """What a user gets: an array, or a dict by name; a summary that is not there yet has no frame."""
        missing = {o.port.name: o.view[self._at(slice(0))] for o in self._binding.outs if o.port.name not in found}
        ordered = {out.port.name: (found | missing)[out.port.name] for out in self._binding.outs}
        return ordered if len(ordered) > 1 else next(iter(ordered.values()))

    def _at(self, time: slice) -> tuple[slice, ...]:
        return (slice(None),) * self._time + (time,)

    @property
    def _marks_last(self) -> bool:
        return any(cursor.kind == "last" for cursor in self.contract.cursors)

    @property
    def _held(self) -> int:
        """Frames that wait for a whole call."""
        return 0 if self._rest is None else _length(self._rest, self._time)

    def _check_open(self) -> None:
        if self._finished:
            raise InputError("stream: the sequence is finished; call reset() to start the next one")


def _length(arrays: Mapping[str, Array], time: int) -> int:
    return int(next(iter(arrays.values())).shape[time])
