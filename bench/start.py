"""What a fresh process pays before its first frame, and the memory it then holds, beside bare onnxruntime."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

import torch
from torch import nn

import rnnedge
from rnnedge_runtime.measure import ColdStart, cold_start

BARE = "bare onnxruntime"
LOCAL = "rnnedge, a file exported here"
STRICT = "rnnedge, a file from somebody else that is known"
FIRST = "rnnedge, a file from somebody else, the first time"

_BARE = """
import json, sys
from time import perf_counter
start = perf_counter()
import numpy, onnxruntime
imported = perf_counter()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
loaded = perf_counter()
frames = {i.name: numpy.zeros([d if isinstance(d, int) else 1 for d in i.shape], numpy.float32)
          for i in session.get_inputs()}
before = perf_counter()
session.run(None, frames)
done = perf_counter()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps({"import_ms": (imported - start) * 1e3, "load_ms": (loaded - imported) * 1e3,
                  "first_push_ms": (done - before) * 1e3,
                  "peak_rss_mb": int(peak.split()[1]) / 1024}))
"""


@dataclass(frozen=True)
class Start:
    """Medians over fresh processes."""

    import_ms: float
    load_ms: float
    first_ms: float
    total_ms: float
    peak_mb: float


def measure(folder: Path, rounds: int) -> dict[str, Start]:
    """LSTM(64, 256), in turns, with compiled modules and a warm page cache, as on a device that was installed."""
    path = folder / "start.onnx"
    rnnedge.export(nn.LSTM(64, 256, batch_first=True).eval(), torch.zeros(1, 4, 64), path)
    found: dict[str, list[ColdStart]] = {BARE: [], LOCAL: [], STRICT: [], FIRST: []}
    with _environment(PYTHONPYCACHEPREFIX=str(folder / "pycache"), PYTHONDONTWRITEBYTECODE=None):
        for turn in range(rounds + 1):
            known, new = str(folder / "known"), str(folder / f"new-{turn}")
            for name, one in (
                (BARE, _bare(path)),
                (LOCAL, cold_start(path, trust="local")),
                (STRICT, _with_verdicts_in(known, path)),
                (FIRST, _with_verdicts_in(new, path)),
            ):
                # The first turn compiles, and makes the file known.
                if turn:
                    found[name].append(one)
    return {name: _medians(starts) for name, starts in found.items()}


def _bare(path: Path) -> ColdStart:
    done = subprocess.run([sys.executable, "-c", _BARE, path], capture_output=True, text=True, check=True)
    return ColdStart(**json.loads(done.stdout))


def _medians(starts: list[ColdStart]) -> Start:
    columns = list(zip(*map(astuple, starts), strict=True))
    total = median(sum(row[:3]) for row in map(astuple, starts))
    return Start(*(median(column) for column in columns[:3]), total, median(columns[3]))


def _with_verdicts_in(folder: str, path: Path) -> ColdStart:
    with _environment(XDG_STATE_HOME=folder):
        return cold_start(path, trust="strict")


@contextmanager
def _environment(**wanted: str | None) -> Iterator[None]:
    """Variables of the processes that are started meanwhile; None: not there."""
    before = {name: os.environ.pop(name, None) for name in wanted}
    os.environ.update({name: value for name, value in wanted.items() if value is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
