"""One benchmark of one file: measured in fresh processes, as JSON data, which everything else is drawn from."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge.report._histograms import encode, timeline
from rnnedge_runtime.contract import Array
from rnnedge_runtime.host import fingerprint, throttling, warnings_of
from rnnedge_runtime.loader import load
from rnnedge_runtime.measure.capacity import Capacity, measure_capacity
from rnnedge_runtime.measure.latency import PERCENTILES, percentile
from rnnedge_runtime.measure.open_loop import Paced
from rnnedge_runtime.measure.processes import Run, Settings, run_processes
from rnnedge_runtime.model import Model

SCHEMA_VERSION = 2
# Medians of processes that are further apart than this say more about the machine than about the file.
_APART = 0.15
_REMEDY = "close other programs, or measure for longer"


@dataclass(frozen=True, eq=False)
class Bench:
    """What `rnnedge bench` found: the runs of several processes, and with `streams` how many streams are held."""

    file: str
    model: Model
    settings: Settings
    runs: tuple[Run, ...]
    capacity: Capacity | None
    host: dict[str, str]
    slowed: tuple[str, ...] = ()
    baseline: list[dict[str, Any]] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data by the schema `docs/schema/bench-2.json`; times in the units that their names end with."""
        contract = self.model.contract
        closed = np.concatenate([run.closed.push_us for run in self.runs])
        paced = [run.paced for run in self.runs if run.paced is not None]
        rate = contract.frame_rate_hz
        unrest = self._unrest()
        return {
            "file": Path(self.file).name,
            "sha256": self.model.digest,
            "form": contract.form,
            "precision": contract.precision,
            "provider": self.model.provider,
            "threads": self.settings.threads,
            "spinning": self.settings.spinning,
            "size_bytes": Path(self.file).stat().st_size,
            "frame_rate_hz": rate,
            "frames_per_push": contract.unit,
            "closed": {
                **_percentiles(closed),
                "mean_us": float(closed.mean()),
                "real_time_factor": None if rate is None else float(closed.mean()) * 1e-6 * rate / contract.unit,
                "timeline_us": timeline(closed),
                "histogram": encode(closed),
            },
            "paced": _paced(paced) if paced else None,
            "cold_start": self._cold(),
            "capacity": None if self.capacity is None else asdict(self.capacity),
            "runs": [_run(run) for run in self.runs],
            "stable": not unrest,
            "unrest": unrest,
            "baseline": self.baseline,
            "host": self.host,
        }

    def _cold(self) -> dict[str, float | None]:
        names = vars(self.runs[0].cold)
        return {name: _median([getattr(run.cold, name) for run in self.runs]) for name in names}

    def _unrest(self) -> list[str]:
        """Why the figures should be taken with care, one line for each reason."""
        reasons = [*self.slowed, *warnings_of(self.host)]
        medians = [run.closed.percentile_us(50) for run in self.runs]
        apart = (max(medians) - min(medians)) / float(np.median(medians))
        if apart > _APART:
            reasons.append(f"the medians of {len(medians)} processes are {apart:.0%} apart; {_REMEDY}")
        never = sum(run.steady is None for run in self.runs)
        if never:
            reasons.append(f"{never} of {len(self.runs)} processes never became steady; {_REMEDY}")
        return reasons


def run_bench(
    file: str | os.PathLike[str],
    settings: Settings,
    *,
    processes: int = 3,
    streams: bool = False,
    baseline: Callable[[Model], list[dict[str, Any]]] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Bench:
    """Measure `file`; raises what `load` raises, and `InputError` for `streams` of a file without a frame rate.

    `baseline` gives the rows of what to put next to it. What may refuse comes first, the long part last.
    """
    say = progress or (lambda _: None)
    model = load(
        file,
        provider=settings.provider,
        provider_options=settings.provider_options,
        threads=settings.threads,
        spinning=settings.spinning,
        trust=settings.trust,
        key=settings.key,
        signed_as=settings.signed_as,
        release=settings.release,
    )
    host, before = fingerprint(), throttling()
    capacity, beside = None, None
    if streams:
        say("streams at once")
        capacity = measure_capacity(model, rate_hz=settings.rate_hz, deadline_us=settings.deadline_us)
    if baseline is not None:
        say("baseline")
        beside = baseline(model)
    runs = run_processes(file, settings, processes, model.contract.frame_rate_hz, say)
    slowed = throttling().since(before)
    return Bench(os.fspath(file), model, settings, tuple(runs), capacity, host, slowed, beside)


def _paced(runs: Sequence[Paced]) -> dict[str, Any]:
    """All processes as one run; its longest burst is that of one of them."""
    latency = np.concatenate([run.latency_us for run in runs])
    whole = replace(runs[0], latency_us=latency, service_us=np.concatenate([run.service_us for run in runs]))
    usage = {name: _mean([getattr(run.usage, name) for run in runs]) for name in vars(runs[0].usage)}
    summary = {**whole.summary(), **usage, "longest_burst": max(run.longest_burst for run in runs)}
    return {**summary, "timeline_us": timeline(latency), "histogram": encode(latency)}


def _percentiles(values: Array) -> dict[str, float]:
    found = {f"p{p:g}_us": percentile(values, p) for p in PERCENTILES}
    return {"pushes": len(values), **found, "max_us": float(values.max())}


def _run(run: Run) -> dict[str, Any]:
    return {
        "closed": {**_percentiles(run.closed.push_us), "steady_from": run.steady},
        "paced": None if run.paced is None else run.paced.summary(),
        "cold_start": asdict(run.cold),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
