"""Where a stream stands between calls, and how it gets to where it stood before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rnnedge_runtime._exclusive import alone
from rnnedge_runtime._graph_runner import GraphRunner
from rnnedge_runtime._input_policy import Guard
from rnnedge_runtime._known_pushes import KnownPushes
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime._memory import bulk, most_frames
from rnnedge_runtime._scale_check import scale_check_of
from rnnedge_runtime._snapshot import Snapshot
from rnnedge_runtime._undo import Kept, Note, Runner
from rnnedge_runtime.binding import Binding
from rnnedge_runtime.contract import Array
from rnnedge_runtime.faults import Log, Policies


class Standing(GraphRunner):
    """The place of a `Sequence` in time, its snapshot, and the note that undoes a call.

    What is no array of the engine is replaced and never changed, so that a reference is as good as a copy.
    """

    __slots__ = ("_count", "_fast", "_quick", "_ready", "_remember", "_unit", "_whole")

    def __init__(self, loaded: LoadedModel, batch: int, states: Mapping[str, Array], policies: Policies) -> None:
        """Used by `Model.stream`."""
        super().__init__(loaded, batch, states, policies)
        self.serve(policies, self._log)
        self._guard.scale = scale_check_of(self.contract) if loaded.tells_scale else None
        self._time = 0 if batch == 1 else 1
        self._unit, self._piece = self.contract.unit, bulk(self.contract, batch, loaded.room, self.contract.piece)
        # How many frames a push may bring; None: any number.
        self._most = most_frames(self.contract, batch, loaded.room)
        # The binding that a push may use without a look at the rest, and frames that wait for a whole call.
        self._fast: Binding | None = None
        # The call that is a whole step by itself, or None; and how many frames of the first output it brings.
        self._quick: Callable[[], object] | None = None
        self._count = self._once.count
        self._rest: dict[str, Array] | None = None
        # Whether the first calls are made, and the last one is not; and pushes of the sizes that were seen.
        self._ready = False
        # The runs that the engine had counted when there were that many frames; from then on they are those of `_fast`.
        self._settled = self._settled_runs = 0
        self._begin()

    def _adopt(self, runner: Runner) -> None:
        super()._adopt(runner)
        self._known: KnownPushes | None = None
        self._whole: Mapping[tuple[int, ...], Binding] = {}

    def serve(self, policies: Policies, log: Log) -> None:
        """Apply these policies from now on, and note in `log` what they do."""
        self._policies, self._log = policies, log
        self._guard = Guard(policies, self.contract, self.batch, log)
        self._remember = self._guard.remember if policies.holds else None

    def _begin(self) -> None:
        """Initial states, no frame, none that waits; a context stays as it is."""
        index = self._turn ^ 1
        self._spare(index)
        self._states.reset(index, self._turn)
        self._binding = self._once
        for array in self._binding.summaries[index ^ 1].values():
            array[...] = 0
        self._turn = index
        self._frames = 0
        self._calls = 0
        self._skip = {port.name: port.clock.delay for port in self.contract.outputs if port.per_frame}
        self._rest = None
        self._finished = False
        self._guard.reset()
        self._settle()

    def _settle(self) -> None:
        """Choose the binding that a push may use without a look at the rest.

        None while frames are held back, while the first frames out mean nothing, before their scale was looked at, and
        after the end.
        """
        self._ready = self._calls >= self._warmup and not self._finished and self._guard.scale is None
        self._states.settle()
        self._settled, self._settled_runs = self._frames, 0
        self._choose()

    def _choose(self) -> None:
        """The binding that the next push may use, where it is of the same size and nothing waits."""
        binding, once = self._binding, self._once
        if self._ready and self._rest is None:
            self._fast = binding
            self._quick = once.quick if binding is once and self._remember is None else None
            if binding.cursors:
                binding.place(self._frames, None)
        else:
            self._fast = self._quick = None

    def _turn_to(self, binding: Binding, before: int, runs: int) -> Binding:
        """Use this binding from now on, where nothing waits; `before` frames were pushed, which took that many `runs`.

        An interruption between the two numbers finds the second one in the variables of the call.
        """
        if self.contract.summaries:
            shown = self._turn ^ 1
            for name, array in self._binding.summaries[shown].items():
                binding.summaries[shown][name][...] = array
        self._settled, self._settled_runs = before, runs
        self._binding = binding
        self._choose()
        return binding

    def _note(self) -> Note:
        return Note(
            self._runner, self._binding, self._turn, self._frames, self._calls,
            dict(self._skip), self._rest, self._finished, self._guard.last, self._log.keep(),
        )  # fmt: skip

    def _note_of(self, names: Mapping[str, Any]) -> Note | None:
        """The note of a call with these variables; None where it had no time to change anything.

        One that has only run the fast binding makes none, to take no time; it has read `before`, the frames, and where
        it changed them `turn` and the `last` frames. A known push has also read `was`, the binding, and the `rest`. One
        that changes the binding has counted the `runs` of the engine first.
        """
        if names.get("note") is not None or names.get("before") is None:
            return names.get("note")
        note = self._note()
        note.frames = names["before"]
        note.turn, note.last = names.get("turn", note.turn), names.get("last", note.last)
        note.binding, note.rest = names.get("was", note.binding), names.get("rest", note.rest)
        note.runs = names["runs"] if "runs" in names else self._runs(note.frames)
        return note

    def _runs(self, frames: int) -> int:
        """How many runs the engine has counted when there are that many frames."""
        fast = self._fast
        return self._settled_runs + ((frames - self._settled) // fast.frames if fast else 0)

    def _note_of_none(self) -> Note | None:
        return self._note_of({"before": self._frames})

    def _put_back(self, note: Note) -> None:
        self._adopt(note.runner)
        if note.runs is not None:
            self._states.rewind(note.runs)
        if note.kept is None:
            self._binding = note.binding
        else:
            self._write(note.kept, note.turn)
        self._turn, self._frames, self._calls = note.turn, note.frames, note.calls
        self._skip, self._rest, self._finished = dict(note.skip), note.rest, note.finished
        self._guard.last = note.last
        note.uncount()
        self._settle()

    def _write(self, kept: Kept, index: int) -> None:
        """States into set `index`, and the summaries to where the call before one that reads it would leave them."""
        self._states.write(index, kept.states)
        self._binding = self._once
        for name, array in self._binding.summaries[index ^ 1].items():
            array[...] = kept.summaries[name]

    @property
    def _latest(self) -> Mapping[str, Array]:
        """The summaries of the frames so far."""
        return self._binding.summaries[self._turn ^ 1]

    def _snapshot(self) -> Snapshot:
        self._states.fetch(self._turn)
        arrays = {f"state:{name}": array for name, array in self._states.sets[self._turn].items()}
        arrays |= {f"summary:{name}": view for name, view in self._latest.items()}
        arrays |= {f"rest:{name}": array for name, array in (self._rest or {}).items()}
        skip = [self._skip[port.name] for port in self.contract.outputs if port.per_frame]
        fields = {"batch": self.batch, "frames": self._frames, "calls": self._calls, "finished": self._finished}
        if self._policies.holds:
            arrays |= {f"last:{name}": array for name, array in self._guard.last.items()}
        return Snapshot(self._loaded.digest, self._loaded.source, {**fields, "skip": skip}, arrays)

    def place(self) -> Snapshot:
        """A snapshot with arrays of its own."""
        live = self._snapshot()
        return live._replace(arrays={name: array.copy() for name, array in live.arrays.items()})

    @alone
    def keep(self) -> Callable[[], None]:
        """What puts the stream back to where it stands now: of several calls that happen all or not at all."""
        place, uncount = self.place(), self._log.keep()
        return partial(self._put_back_to, place, uncount)

    @alone
    def _put_back_to(self, place: Snapshot, uncount: Callable[[], None]) -> None:
        self.stand_at(place)
        uncount()

    def stand_at(self, found: Snapshot) -> None:
        index = self._turn ^ 1
        self._spare(index)
        states = {state.input: found.arrays[f"state:{state.input}"] for state in self.contract.states}
        summaries = {port.name: found.arrays[f"summary:{port.name}"] for port in self.contract.summaries}
        self._write(Kept(states, summaries), index)
        self._turn = index
        rest = {name.removeprefix("rest:"): a for name, a in found.arrays.items() if name.startswith("rest:")}
        self._rest = {name: array.copy() for name, array in rest.items()} or None
        self._guard.reset()
        last = {name: found.arrays.get(f"last:{name}", none) for name, none in self._guard.last.items()}
        self._guard.last = {name: array.astype(self._guard.last[name].dtype) for name, array in last.items()}
        self._frames, self._calls = int(found.fields["frames"]), int(found.fields["calls"])
        self._finished = bool(found.fields["finished"])
        per_frame = [port.name for port in self.contract.outputs if port.per_frame]
        self._skip = dict(zip(per_frame, map(int, found.fields["skip"]), strict=True))
        self._settle()
