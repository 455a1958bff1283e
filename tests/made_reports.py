"""Reports of benchmarks that nobody had to wait for: the figures are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rnnedge.report.bench import Bench
from rnnedge_runtime import load
from rnnedge_runtime.measure import ColdStart, Latency, Paced
from rnnedge_runtime.measure.processes import Run, Settings
from rnnedge_runtime.measure.usage import Usage

GOLDEN = Path(__file__).parent / "data" / "golden_gru.onnx"
HOST = {"processor": "made up", "cores": "4", "python": "3", "numpy": "2", "onnxruntime": "1", "load": "0.10"}


def made_run(seed: int, level_us: float = 100.0, *, paced: bool = True, steady: int | None = 0) -> Run:
    """One process: pushes of about `level_us`, times of one process a few percent from those of another."""
    rng = np.random.default_rng(seed)
    level = level_us * (1 + 0.02 * rng.standard_normal())
    closed = level * rng.lognormal(0, 0.05, 2000)
    cold = ColdStart(200.0, 5 * (1 + 0.02 * rng.standard_normal()), 0.5, 60.0)
    latency = level * rng.lognormal(0.1, 0.1, 500)
    part = Paced(latency, 0.9 * latency, 10_000.0, 10_000.0, 1, Usage(level, 0.001, 65.0, None)) if paced else None
    return Run(cold, Latency(closed, 1, 100.0), steady, part)


def made_bench(*runs: Run, **more: Any) -> Bench:
    """What `run_bench` gives, of the golden file."""
    given = {"capacity": None, "host": HOST, **more}
    return Bench(str(GOLDEN), load(GOLDEN), Settings(), runs or (made_run(0), made_run(1)), **given)


def made_report(*runs: Run, **more: Any) -> dict[str, Any]:
    """As `rnnedge bench --json` prints it."""
    return {"schema": "rnnedge.bench", "schema_version": 2, **made_bench(*runs).as_dict(), **more}
