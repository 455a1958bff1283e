"""The same run in several fresh processes, one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rnnedge_runtime.errors import RnnEdgeError
from rnnedge_runtime.measure._cold_start import ColdStart
from rnnedge_runtime.measure._warmup import steady_from
from rnnedge_runtime.measure.latency import Latency
from rnnedge_runtime.measure.open_loop import Paced
from rnnedge_runtime.measure.usage import Usage
from rnnedge_runtime.temporary import temporary_folder


@dataclass(frozen=True, eq=False)
class Run:
    """What one process measured. `steady` is the push from which the closed loop was warm, None: it never was."""

    cold: ColdStart
    closed: Latency
    steady: int | None
    paced: Paced | None


@dataclass(frozen=True)
class Settings:
    """How a run loads the file and what it measures; `seconds` 0 leaves the paced part out."""

    provider: str = "cpu"
    provider_options: Mapping[str, Mapping[str, str]] | None = None
    threads: int = 1
    spinning: bool = False
    trust: str | None = None
    pushes: int = 3000
    seconds: float = 3.0
    rate_hz: float | None = None
    deadline_us: float | None = None
    key: str | None = None
    signed_as: str | None = None
    release: int = 0


def run_processes(
    file: str | os.PathLike[str],
    settings: Settings,
    processes: int,
    frame_rate_hz: float | None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Run]:
    """Measure `file` in that many fresh processes. `frame_rate_hz`: the file's own, for the real-time factor.

    Where neither it nor the settings state a rate, all processes are paced as the first one chose to be.
    Raises `RnnEdgeError` with the last words of a process that fails.
    """
    runs = []
    for number in range(1, processes + 1):
        say(f"process {number} of {processes}")
        with temporary_folder("bench") as folder:
            asked = {**vars(settings), "file": os.fspath(Path(file).absolute()), "folder": os.fspath(folder)}
            command = [sys.executable, "-c", _START, json.dumps(asked)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                words = done.stderr.strip().splitlines() or ["no message"]
                how = (
                    f"was ended by signal {-code}" if (code := done.returncode) < 0 else f"failed with exit code {code}"
                )
                raise RnnEdgeError(f"bench: fresh process {number} {how}: {words[-1]}")
            run = _read(folder, frame_rate_hz)
        runs.append(run)
        if run.paced is not None and frame_rate_hz is None and settings.rate_hz is None:
            settings = replace(settings, rate_hz=run.paced.rate_hz)
    return runs


# The import is timed too, so nothing of ours may be imported before.
_START = """
import json, sys
from time import perf_counter
began = perf_counter()
import rnnedge_runtime
imported_ms = (perf_counter() - began) * 1e3
from rnnedge_runtime.measure._worker import main
main(json.loads(sys.argv[1]), imported_ms)
"""


def _read(folder: Path, frame_rate_hz: float | None) -> Run:
    found = json.loads((folder / "run.json").read_text())
    times = np.load(folder / "closed.npy")
    steady = steady_from(times)
    closed = Latency(times[steady or 0 :], found["frames_per_push"], frame_rate_hz)
    paced = None
    if found["paced"] is not None:
        latency, service = (np.load(folder / f"paced_{name}.npy") for name in ("latency", "service"))
        part, frames = found["paced"], found["frames_per_push"]
        usage = Usage(**part["usage"])
        paced = Paced(latency, service, part["period_us"], part["deadline_us"], frames, usage)
    return Run(ColdStart(**found["cold"]), closed, steady, paced)
