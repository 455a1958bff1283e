"""Calls of the graph by one owner: buffers, which set of states is next, and what happens when a call fails."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

from rnnedge_runtime._exclusive import Alone
from rnnedge_runtime._fork import NoToken, forked_away
from rnnedge_runtime._interpreter_exit import leave_with, wait_if_leaving
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime._memory import bulk
from rnnedge_runtime._signal_handlers import of_a_handler
from rnnedge_runtime._undo import Kept, Runner
from rnnedge_runtime._watchdog import watchdog
from rnnedge_runtime.binding import Binding, BindingCache
from rnnedge_runtime.contract import Array
from rnnedge_runtime.engine import Cancelled, Engine
from rnnedge_runtime.errors import ProviderError, Stalled
from rnnedge_runtime.faults import Log, Policies
from rnnedge_runtime.frames import checked_states
from rnnedge_runtime.state_buffers import StateBuffers

# What the bindings of one stream hold, in pieces of a long recording.
_PIECES_KEPT = 8

_ALL: weakref.WeakSet[GraphRunner] = weakref.WeakSet()
_ending = False


def end_all_runs() -> None:
    """End whatever runs, in any thread: a signal came, and this process is about to end.

    Python hears a signal only when the run in progress comes back, so somebody else has to see to it that it does.
    """
    global _ending
    _ending = True
    for one in _all():
        one._stop.set()


def _all() -> list[GraphRunner]:
    while True:
        try:
            return list(_ALL)
        except RuntimeError:
            # A stream was made meanwhile.
            continue


leave_with(_all)


class GraphRunner(Alone):
    """The states of one stream and the bindings over them; the base of a `Sequence`."""

    __slots__ = ("_engine", "_turn")

    def __init__(self, loaded: LoadedModel, batch: int, states: Mapping[str, Array], policies: Policies) -> None:
        """Allocate everything that a call needs; `states` replace initial values."""
        wait_if_leaving()
        super().__init__()
        self._loaded, self._policies = loaded, policies
        self.contract, self.batch = loaded.calls, batch
        self._warmup = self.contract.warmup
        self._log = Log(policies.on_event)
        self._stopped_in: object | None = None
        self._limit_s = policies.time_limit_s or 0.0
        self._given = checked_states(states, self.contract, batch)
        engine = loaded.engine
        self._adopt(self._runner_of(engine, StateBuffers(engine, self.contract.states, batch, self._given)))
        self._binding = self._once
        # Which set of states the next call reads, how many calls of the least length there were.
        self._turn = self._calls = 0
        _ALL.add(self)
        forked_away(self)
        if self._limit_s:
            watchdog.watch(self)

    def limit(self, seconds: float) -> None:
        """Change the time limit of one that has one; no time is left where it is not above 0."""
        self._limit_s = max(seconds, 1e-6)

    def _runner_of(self, engine: Engine, states: StateBuffers) -> Runner:
        stop = engine.stop(bool(self._limit_s))
        piece = bulk(self.contract, self.batch, self._loaded.room, self.contract.piece)
        bindings = BindingCache(engine, self.contract, states, self.batch, stop, _PIECES_KEPT * piece)
        return Runner(engine, stop, states, bindings, bindings.once)

    def _adopt(self, runner: Runner) -> None:
        """Run with this from now on."""
        self._runner = runner
        self._engine, self._stop, self._states, self._bindings, self._once = runner

    def _spare(self, index: int) -> None:
        """Set `index` of the states is going to be written: see to it that the call in progress can be undone."""
        note = self._noted
        if note is not None and note.kept is None and (self._engine.in_place or index == note.turn):
            note.kept = self._kept_of(note.binding, note.turn)

    def _kept_of(self, binding: Binding, turn: int) -> Kept:
        summaries = {name: array.copy() for name, array in binding.summaries[turn ^ 1].items()}
        return Kept(self._states.copies(turn), summaries)

    def _call_binding(self, binding: Binding, fed: int, total: int | None) -> Binding:
        """Run a filled binding, or the one that takes its place; `fed` and `total` as for `Binding.place`."""
        binding.place(fed, total)
        while True:
            failures: tuple[type[Exception], ...] = (Cancelled, *self._engine.failures)
            if self._noted is not None and self._noted.kept is None:
                self._spare(self._turn ^ 1)
            try:
                if binding.calls[self._turn]():
                    # Frames that get here are finite.
                    raise Cancelled("the run was stopped")
            except failures as error:
                binding = self._recover(error, binding, fed)
                binding.place(fed, total)
            else:
                break
        self._turn ^= 1
        self._binding = binding
        self._calls += binding.units
        if self._calls <= self._warmup:
            self._states.hold(self._turn, self._calls)
        return binding

    def _recover(self, error: Exception, binding: Binding, fed: int) -> Binding:
        """After a failed run: the binding that can take the same frames again, or the error that the caller gets.

        The failed call wrote the other set of states, or was undone, so this one is as before it.
        """
        wait_if_leaving()
        if _ending:
            raise KeyboardInterrupt from error
        # A RecursionError is a RuntimeError as well, and none of the engine; nor is what a signal's handler raises.
        if type(error) not in (Cancelled, *self._engine.failures) or of_a_handler(error):
            raise error
        stopped_in = watchdog.forget(self)
        if stopped_in is not None:
            if stopped_in != self._mark():
                return binding
            text = f"a run over {binding.frames} frames took longer than {self._limit_s} s and was ended"
            self._log("stalled", fed, binding.frames, text)
            raise Stalled(f"{self._loaded.name}: frame {fed}: {text}; the stream is as before it") from error
        failed = self._engine.provider
        engine = self._loaded.after(self._engine)
        if engine is None:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ProviderError(
                f"{self._loaded.name}: provider {failed!r} failed at frame {fed}: {reason}; the stream is as before; "
                "load the model with several providers, best first, to go on with the next one"
            ) from error
        note = self._noted
        try:
            self._states.fetch(self._turn)
            if note is not None and note.kept is None:
                note.kept = self._kept_of(note.binding, note.turn)
        except self._engine.failures as lost:
            raise ProviderError(
                f"{self._loaded.name}: provider {failed!r} failed at frame {fed}, and the states are on its device; "
                f"make another stream, which {engine.provider!r} will run, and restore the last snapshot"
            ) from lost
        runner = self._runner_of(engine, self._states.moved(engine, self._turn))
        again = runner.bindings.of(binding.frames)
        for name, view in binding.views.items():
            again.views[name][...] = view
        if note is not None:
            # What is kept goes to where it stands from now on, when this call is undone.
            note.runner = runner
        self._adopt(runner)
        text = f"provider {failed!r} failed, {engine.provider!r} took over with the states"
        self._log("provider", fed, binding.frames, text)
        return again

    def _fork(self) -> None:
        """In a forked child."""
        self._token = NoToken()
