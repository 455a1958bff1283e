"""The short way of a push whose size was seen before, whether or not frames wait."""

from __future__ import annotations

from rnnedge_runtime._known_pushes import KnownPushes
from rnnedge_runtime._sequence_runner import Sequence
from rnnedge_runtime._waiting_frames import all_finite
from rnnedge_runtime.binding import Binding, time_first
from rnnedge_runtime.contract import Array
from rnnedge_runtime.frames import Frames, in_ranges


class KnownSizes(Sequence):
    """A sequence whose pushes take the short way where their size was seen before; the base of a `StreamRunner`."""

    def _get_to_know(self) -> KnownPushes:
        """What is known of pushes, of which nothing is so far."""
        most = self._unit if self.contract.chunk else self._piece
        # More than one push may bring is refused.
        most = most if self._most is None else min(most, self._most)
        nothing = self.shaped(self._nothing())
        known = KnownPushes(self._bindings, self._time, most, nothing, ranged=bool(self.contract.ranged))
        self._known, self._whole = known, known.whole
        return known

    def _push_known(
        self, known: KnownPushes, count: int, arrays: dict[str, Array], turn: int, runs: int
    ) -> Frames | None:
        """Push `count` frames by one call or none; None, with nothing changed, where they take the long way."""
        rest, waits, batch = self._rest, None, self.batch
        given, held, waiting = arrays, 0, rest
        if batch > 1:
            given = time_first(arrays, batch)
            waiting = rest and time_first(rest, batch)
        if waiting is not None:
            held = len(waiting[known.first])
        ready = held + count
        after = ready % self._unit
        if after == ready:
            waits = known.waiting.more(waiting, held, ready, given)
        else:
            whole = ready - after
            if whole > known.most:
                return None
            binding = known.binding_of(whole, arrays, alone=whole == count)
            taken = count - after
            # Copies, before any of them is looked at: another thread may change what is the caller's.
            for name, view in binding.time_first.items():
                if waiting is not None:
                    view[:held] = waiting[name]
                view[held:] = given[name][:taken]
            waits = known.waiting.others(waiting, taken, given) if after else None
        if after:
            if waits is None:
                return None
            if batch > 1:
                waits = time_first(waits, batch)
            if known.ranged and not in_ranges(waits, self.contract):
                return None
        if after == ready:
            found = dict(known.nothing) if type(known.nothing) is dict else known.nothing
        else:
            if not self._known_call(binding, held, turn):
                return None
            found = self._all(binding) if binding.copy is None else binding.copy()
            self._turn = turn ^ 1
            self._binding = binding
            runs += 1
        if self._remember is not None:
            self._remember(waits or binding.views)
        self._rest = waits
        self._settled = self._frames = self._frames + count
        self._settled_runs = runs
        if rest is None or waits is None:
            self._choose()
        return found

    def _known_call(self, binding: Binding, held: int, turn: int) -> bool:
        """Run a filled binding, whose first `held` frames had waited; False, with nothing run, if it may not be."""
        if not binding.checks and not all(map(all_finite, binding.views.values())):
            return False
        if binding.cursors:
            binding.place(self._frames - held, None)
        return not binding.calls[turn]()

    def _ready_frames(self, count: int) -> int:
        """How many frames can run when `count` more come."""
        return (self._held + count) // self._unit * self._unit
