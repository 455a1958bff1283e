"""Try, prove, measure in turns, choose, write.

1. The native form in float32 is made, proven and kept first, so that there is always something to write.
2. Every other candidate is made and looked at for a moment. What is far behind the best is dropped there; the others
   are proven like any export, narrow ones through the drift gate too. Only what is proven can win.
3. What is left is measured in paced rounds, in turns, until the time is up.
4. The winner is written with the evidence in its contract: objective, figures, front, machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

import rnnedge_export.session
from rnnedge.tuning._candidates import PRECISIONS, Candidate, candidates
from rnnedge.tuning._energy import Meter
from rnnedge.tuning._journal import Memory
from rnnedge.tuning._measuring import quick_look, rounds
from rnnedge.tuning._pareto import Choice, Trial, choose
from rnnedge_export.precision import Precision
from rnnedge_export.publish import publish
from rnnedge_export.session import ExportOptions, ExportSession
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.atomic import write_bytes
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import ModelRefused, ProviderError, VerificationError
from rnnedge_runtime.host import fingerprint
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.measure import cold_start, percentile
from rnnedge_runtime.model import Model
from rnnedge_runtime.temporary import temporary_folder

# Beyond this many times the best, a quick look is enough; side by side are measured this many at most.
_BEHIND = 1.4
_FINALISTS = 6
_SHARE_OF_LOOKING = 0.6
_LEAST_ROUNDS = 3
# What is kept of the budget for the end: a fresh process for each finalist, a round that has begun, the file.
_FRESH_S, _WRITING_S = 0.8, 2.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Tuned:
    """What was written, why, and what was dropped on the way, by name with the reason.

    `errors`: what each precision costs, the largest error that the proof of a file in it found.
    """

    path: Path
    digest: str
    choice: Choice
    trials: tuple[Trial, ...]
    dropped: Mapping[str, str]
    errors: Mapping[str, float]
    seconds: float
    rounds: int


@dataclass
class _Field:
    """Everything that is known while the run goes on."""

    files: dict[tuple[str, str, int | None], rnnedge_export.session.Candidate] = field(default_factory=dict)
    proven: dict[Candidate, Model] = field(default_factory=dict)
    errors: dict[Candidate, float] = field(default_factory=dict)
    quick: dict[Candidate, float] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)

    def by_precision(self) -> dict[str, float]:
        """The largest error of what is proven, for each precision."""
        found: dict[str, float] = {}
        for candidate, error in self.errors.items():
            found[candidate.precision] = max(error, found.get(candidate.precision, 0.0))
        return found


@checked
def tune(
    session: ExportSession,
    output: Path,
    *,
    objective: str = "latency",
    budget_s: float = 60.0,
    precisions: Sequence[str] = PRECISIONS,
    providers: Sequence[str] = ("cpu",),
    options: ExportOptions | None = None,
    about: Mapping[str, str] | None = None,
    say: Say = lambda _: None,
) -> Tuned:
    """Find the best candidate for `objective` and write it to `output`.

    `options`: what every candidate shares (labels, rate, calibration, task metric and tolerance of its precision).
    `about`: what the source is, for a run that is resumed. Ctrl-C writes the best so far and goes on to the caller.
    Raises what `rnnedge_export.export` raises for the first candidate, `InputError` where energy cannot be measured.
    """
    began = time.monotonic()
    meter = Meter() if objective == "energy" else None
    host = fingerprint()
    memory = Memory.open(output, {**(about or {}), "processor": host["processor"], "rnnedge": host.get("rnnedge", "")})
    run = _Run(session, output, objective, options or ExportOptions(), memory, say)
    every = candidates(objective, precisions, providers)
    trials: list[Trial] = []
    done = 0
    try:
        for candidate in every:
            if run.field.proven and time.monotonic() - began > _SHARE_OF_LOOKING * budget_s:
                break
            run.consider(candidate)
        finalists = run.finalists()

        def more(number: int) -> bool:
            nonlocal done
            done = number
            rest = _WRITING_S + _FRESH_S * len(finalists)
            return number < _LEAST_ROUNDS or time.monotonic() - began < budget_s - rest

        seen = rounds({c.name: run.field.proven[c] for c in finalists}, objective, more, say, meter)
        say("memory")
        trials = [run.trial(c, seen[c.name]) for c in finalists]
    except KeyboardInterrupt:
        if not trials:
            trials = [run.unmeasured(c) for c in run.finalists()]
        if trials:
            run.write(choose(trials), trials, host, done)
        memory.keep()
        raise
    choice = choose(trials)
    digest = run.write(choice, trials, host, done)
    memory.forget()
    field, seconds = run.field, time.monotonic() - began
    return Tuned(output, digest, choice, tuple(trials), field.dropped, field.by_precision(), seconds, done)


class _Run:
    def __init__(
        self, session: ExportSession, output: Path, objective: str, options: ExportOptions, memory: Memory, say: Say
    ) -> None:
        self.field = _Field()
        self._session, self._output, self._objective = session, output, objective
        self._options, self._memory, self._say = options, memory, say

    def consider(self, candidate: Candidate) -> None:
        """Look at one, and prove it where it is not far behind."""
        field, name = self.field, candidate.name
        if name in self._memory.refused:
            field.dropped[name] = self._memory.refused[name]
            return
        self._say(name)
        try:
            file = self._file(candidate)
            model = _load(file.stamped(), candidate)
            quick = self._memory.quick_us.setdefault(name, quick_look(model))
            if field.proven and self._is_behind(quick, file):
                field.dropped[name] = f"{quick / min(field.quick.values()):.2f} times the best at a first look"
                return
            field.errors[candidate] = self._prove(candidate, file)
        except (VerificationError, ModelRefused, ProviderError) as error:
            if not field.proven:
                raise
            field.dropped[name] = self._memory.refused[name] = str(error)
            self._memory.keep()
            return
        field.quick[candidate], field.proven[candidate] = quick, model
        self._memory.keep()

    def finalists(self) -> list[Candidate]:
        """The proven ones that looked best; the first one always stays, to compare with."""
        proven = list(self.field.proven)
        size = self._objective == "size"
        ranked = sorted(proven, key=lambda c: len(self._bytes(c)) if size else self.field.quick[c])
        return list(dict.fromkeys([*ranked[: _FINALISTS - 1], *proven[:1]]))

    def trial(self, candidate: Candidate, seen: Mapping[str, list[float]]) -> Trial:
        """All that was measured of a finalist; its memory in a fresh process."""
        size = len(self._bytes(candidate))
        with temporary_folder("tune") as folder:
            path = write_bytes(folder / "candidate.onnx", self._bytes(candidate))
            memory = cold_start(path, candidate.provider, "local").peak_rss_mb or 0.0
        values = [float(size)] * len(seen["p50"]) if self._objective == "size" else seen["value"]
        p50, p99 = (percentile(np.array(seen[key]), 50) for key in ("p50", "p99"))
        return Trial(candidate, tuple(values), p50, p99, memory, size, self.field.errors[candidate])

    def unmeasured(self, candidate: Candidate) -> Trial:
        """A finalist of a run that was interrupted before its rounds: what the first look said."""
        quick = self.field.quick[candidate]
        return Trial(candidate, (quick,), quick, quick, 0.0, len(self._bytes(candidate)), self.field.errors[candidate])

    def write(self, choice: Choice, trials: Sequence[Trial], host: Mapping[str, str], done: int) -> str:
        """The winner, with the evidence in its contract; returns its SHA-256."""
        evidence = {
            "objective": self._objective,
            "rounds": done,
            "noise": round(choice.noise, 4),
            "winner": figures(choice.winner),
            "as_good": [trial.candidate.name for trial in choice.as_good],
            "trials": [figures(trial) for trial in trials],
            "front": [trial.candidate.name for trial in choice.front],
            "host": {k: host[k] for k in ("processor", "cores", "onnxruntime") if k in host},
        }
        file = self.field.files[choice.winner.candidate.file]
        data = file.stamped({"tuning": json.dumps(evidence)})
        return publish(self._output, data, file.contract)[1]

    def _file(self, candidate: Candidate) -> rnnedge_export.session.Candidate:
        if candidate.file not in self.field.files:
            shared = self._options
            precision = replace(shared.numbers, name=candidate.precision)
            if candidate.precision == "float32":
                precision = Precision()
            asked = replace(shared, form=candidate.form, chunk=candidate.chunk, precision=precision)
            self.field.files[candidate.file] = self._session.candidate(asked, candidate.name)
        return self.field.files[candidate.file]

    def _bytes(self, candidate: Candidate) -> bytes:
        return self.field.files[candidate.file].stamped()

    def _is_behind(self, quick: float, file: rnnedge_export.session.Candidate) -> bool:
        if self._objective == "size":
            return len(file.stamped()) >= min(len(self._bytes(c)) for c in self.field.proven)
        return quick > _BEHIND * min(self.field.quick.values())

    def _prove(self, candidate: Candidate, file: rnnedge_export.session.Candidate) -> float:
        """The largest error of its proof; a file is proven once, however it is loaded."""
        digest = file.model.digest
        if digest not in self._memory.errors:
            self._say(f"{candidate.name}: proof")
            verification, shrunk = file.prove(lambda _: None)
            self._memory.errors[digest] = verification.max_error if shrunk is None else shrunk.drift.max_error
        return self._memory.errors[digest]


def _load(data: bytes, candidate: Candidate) -> Model:
    settings = Settings(candidate.provider, {}, candidate.threads, optimization=candidate.optimization)
    return load_bytes(data, candidate.name, settings, trust="local")


def figures(trial: Trial) -> dict[str, object]:
    """A trial as plain data."""
    fields = {k: v for k, v in vars(trial).items() if k not in ("candidate", "rounds")}
    return {"name": trial.candidate.name, **vars(trial.candidate), "value": trial.value, "noise": trial.noise, **fields}
