"""Cold start: what a fresh process pays before its first frame."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rnnedge_runtime.annotated import checked
from rnnedge_runtime.arguments import choice
from rnnedge_runtime.engines._providers import choose_providers
from rnnedge_runtime.errors import RnnEdgeError
from rnnedge_runtime.trust import TRUST

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class ColdStart:
    """A fresh process: time to import the runtime, load the file, and get the first frame out; peak resident memory."""

    import_ms: float
    load_ms: float
    first_push_ms: float
    peak_rss_mb: float | None


@checked
def cold_start(path: str | os.PathLike[str], provider: str = "cpu", trust: str | None = None) -> ColdStart:
    """Start a fresh interpreter that imports, loads and pushes once.

    Raises `RnnEdgeError` with its last words where that process fails.
    """
    choose_providers(provider)
    if trust is not None:
        choice(trust, "cold_start: trust", TRUST)
    command = [sys.executable, "-c", _FRESH, os.fspath(path), provider, *([trust] if trust else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["no message"]
        raise RnnEdgeError(f"cold start: a fresh process failed with exit code {done.returncode}: {words[-1]}")
    return ColdStart(**json.loads(done.stdout))


def peak_rss_mb() -> float | None:
    """The most resident memory that this process has had; None where the system does not say."""
    try:
        # Not ru_maxrss, which on Linux begins at what the parent held when it forked.
        lines = _STATUS.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1048576 if sys.platform == "darwin" else 1024)


_FRESH = """
import json, sys
from time import perf_counter
start = perf_counter()
import rnnedge_runtime
imported = perf_counter()
model = rnnedge_runtime.load(sys.argv[1], provider=sys.argv[2], trust=(sys.argv[3:] or [None])[0])
loaded = perf_counter()
from rnnedge_runtime.sample import sample_frames
frames = sample_frames(model.contract, model.contract.unit)
before = perf_counter()
model.with_context().stream().push(frames)
done = perf_counter()
from rnnedge_runtime.measure._cold_start import peak_rss_mb
print(json.dumps({"import_ms": (imported - start) * 1e3, "load_ms": (loaded - imported) * 1e3,
                  "first_push_ms": (done - before) * 1e3, "peak_rss_mb": peak_rss_mb()}))
"""
