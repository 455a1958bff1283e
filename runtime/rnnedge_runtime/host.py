"""What a latency was measured on: figures without their machine say nothing."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numpy as np
import onnxruntime

from rnnedge_runtime.engines.providers import available_providers


def fingerprint() -> dict[str, str]:
    """Processor, cores, load, system, and the versions that decide a latency; no host or user name."""
    facts = {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": str(_usable_cores()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
        "providers": ", ".join(available_providers()),
    }
    if hasattr(os, "getloadavg"):
        facts["load"] = f"{os.getloadavg()[0]:.2f}"
    return facts


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    named = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return named[0] if named else platform.processor() or "unknown"
