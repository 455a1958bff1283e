"""Calls of the graph by one owner: buffers, which set of states is next, and what happens when a call fails."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

from rnnedge_runtime.contract import Array
from rnnedge_runtime.engines import Ended
from rnnedge_runtime.errors import ProviderError, Stalled
from rnnedge_runtime.faults import Log, Policies
from rnnedge_runtime.frames import checked_states
from rnnedge_runtime.lane import Lane, Lanes, StateBuffers
from rnnedge_runtime.loaded import Loaded
from rnnedge_runtime.ownership import Alone, NoToken, forked_away
from rnnedge_runtime.watchdog import watchdog

_ALL: weakref.WeakSet[Calls] = weakref.WeakSet()
_ending = False


def end_all_runs() -> None:
    """End whatever runs, in any thread: a signal came, and this process is about to end.

    Python hears a signal only when the run in progress comes back, so somebody else has to see to it that it does.
    """
    global _ending
    _ending = True
    while True:
        try:
            for one in list(_ALL):
                one._stop.set()
        except RuntimeError:
            # A stream was made meanwhile.
            continue
        return


class Calls(Alone):
    """The states of one stream and the lanes over them; the base of a `Sequence`."""

    def __init__(self, loaded: Loaded, batch: int, states: Mapping[str, Array], policies: Policies) -> None:
        """Allocate everything that a call needs; `states` replace initial values."""
        super().__init__()
        self._loaded, self._policies = loaded, policies
        self.contract, self.batch = loaded.contract, batch
        self._warmup = self.contract.warmup
        self._log = Log(policies.on_event)
        self._engine = loaded.engine
        self._stop = self._engine.stop(bool(policies.time_limit_s))
        self._stopped_in: object | None = None
        self._given = checked_states(states, self.contract, batch)
        self._states = StateBuffers(self._engine, self.contract.states, batch, self._given)
        self._lanes = Lanes(self._engine, self.contract, self._states, batch, self._stop)
        self._lane = self._once = self._lanes.once
        # Which set of states the next call reads, how many calls and frames there were.
        self._turn = self._calls = self._frames = 0
        _ALL.add(self)
        forked_away(self)
        self._limit_s = policies.time_limit_s or 0.0
        if self._limit_s:
            watchdog.watch(self)

    def _limit(self, seconds: float) -> None:
        """Change the time limit of one that has one; no time is left where it is not above 0."""
        self._limit_s = max(seconds, 1e-6)

    def _call_lane(self, lane: Lane, fed: int, total: int | None) -> Lane:
        """Run a filled lane, or the one that takes its place; `fed` and `total` as for `Lane.place`."""
        lane.place(fed, total)
        while True:
            failures: tuple[type[Exception], ...] = (Ended, *self._engine.failures)
            try:
                if lane.calls[self._turn]():
                    # Frames that get here are finite.
                    raise Ended("the run was stopped")
            except failures as error:
                lane = self._recover(error, lane, fed)
                lane.place(fed, total)
            else:
                break
        self._turn ^= 1
        self._lane = lane
        self._calls += 1
        if self._calls <= self._warmup:
            self._states.hold(self._turn, self._calls)
        return lane

    def _recover(self, error: Exception, lane: Lane, fed: int) -> Lane:
        """After a failed run: the lane that can take the same frames again, or the error that the caller gets.

        The failed call wrote the other set of states, or was undone, so this one is as before it.
        """
        if _ending:
            raise KeyboardInterrupt from error
        stopped_in, self._stopped_in = self._stopped_in, None
        self._stop.clear()
        if stopped_in is not None:
            if stopped_in != self._mark():
                return lane
            text = f"a run over {lane.frames} frames took longer than {self._limit_s} s and was ended"
            self._log("stalled", fed, lane.frames, text)
            raise Stalled(f"{self._loaded.name}: frame {fed}: {text}; the stream is as before it") from error
        failed = self._engine.provider
        engine = self._loaded.after(self._engine)
        if engine is None:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ProviderError(
                f"{self._loaded.name}: provider {failed!r} failed at frame {fed}: {reason}; the stream is as before; "
                "load the model with several providers, best first, to go on with the next one"
            ) from error
        try:
            self._states.fetch(self._turn)
        except self._engine.failures as lost:
            raise ProviderError(
                f"{self._loaded.name}: provider {failed!r} failed at frame {fed}, and the states are on its device; "
                f"make another stream, which {engine.provider!r} will run, and restore the last snapshot"
            ) from lost
        self._states.move(engine)
        self._states.store(self._turn)
        self._engine, self._stop = engine, engine.stop(bool(self._limit_s))
        self._lanes = Lanes(engine, self.contract, self._states, self.batch, self._stop)
        self._once, again = self._lanes.once, self._lanes.of(lane.frames)
        for name, view in lane.views.items():
            again.views[name][...] = view
        text = f"provider {failed!r} failed, {engine.provider!r} took over with the states"
        self._log("provider", fed, lane.frames, text)
        return again

    def _mark(self) -> object | None:
        """For the watchdog: what differs from call to call; None between calls."""
        return (self._frames, self._calls, self._turn) if not self._token else None

    def _fork(self) -> None:
        """In a forked child."""
        self._token = NoToken()
