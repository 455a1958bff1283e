"""One run in a process of its own, started by `processes.py`.

Writes `closed.npy`, `paced_latency.npy`, `paced_service.npy` (microseconds) and `run.json` into the folder. A process
has its own place in memory, its own alignment and its own share of luck, so one of them proves little.
"""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import Any

from rnnedge_runtime.loader import load


def main(asked: dict[str, Any], imported_ms: float) -> None:
    """Load, push once, then closed loop, then paced; each timed. `imported_ms`: what importing the runtime took."""
    began = perf_counter()
    model = load(
        asked["file"],
        provider=asked["provider"],
        provider_options=asked["provider_options"],
        threads=asked["threads"],
        spinning=asked["spinning"],
        trust=asked["trust"],
        key=asked["key"],
        signed_as=asked["signed_as"],
        release=asked["release"],
    )
    loaded = perf_counter()
    import numpy as np

    from rnnedge_runtime.measure._closed_loop import measure_latency, sample_calls
    from rnnedge_runtime.measure._cold_start import peak_rss_mb
    from rnnedge_runtime.measure.open_loop import measure_paced

    first = sample_calls(model)[0]
    before = perf_counter()
    model.with_context().stream().push(first)
    cold = {
        "import_ms": imported_ms,
        "load_ms": (loaded - began) * 1e3,
        "first_push_ms": (perf_counter() - before) * 1e3,
        "peak_rss_mb": peak_rss_mb(),
    }
    closed = measure_latency(model, asked["pushes"], 0)
    folder = Path(asked["folder"])
    np.save(folder / "closed.npy", closed.push_us)
    paced = None
    if asked["seconds"]:
        run = measure_paced(model, seconds=asked["seconds"], rate_hz=asked["rate_hz"], deadline_us=asked["deadline_us"])
        np.save(folder / "paced_latency.npy", run.latency_us)
        np.save(folder / "paced_service.npy", run.service_us)
        paced = {"period_us": run.period_us, "deadline_us": run.deadline_us, "usage": run.usage.summary()}
    found = {"cold": cold, "paced": paced, "frames_per_push": closed.frames_per_push, "provider": model.provider}
    (folder / "run.json").write_text(json.dumps(found))
