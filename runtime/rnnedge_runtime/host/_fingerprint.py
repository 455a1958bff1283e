"""The machine and the versions that decide a latency, as far as the machine exposes them."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from rnnedge_runtime.engines._providers import available_providers
from rnnedge_runtime.engines.onnx_runtime import onnxruntime
from rnnedge_runtime.host import _cgroup as cgroup
from rnnedge_runtime.host import _cpu as cpu
from rnnedge_runtime.host._sysfs import fields, lines, text
from rnnedge_runtime.host._throttle import firmware_words, throttling

_MIB = 1 << 20


def fingerprint(root: Path = Path("/")) -> dict[str, str]:
    """Processor, clock, limits, load, system and versions, by name; no host or user name.

    Files are read under `root`. A fact that the machine does not expose is left out.
    """
    limits = cgroup.limits(root)
    memory_kib = fields(root / "proc/meminfo").get("MemTotal", "").partition(" ")[0]
    processor, board = cpu.processor(root), cpu.board(root)
    facts: dict[str, str | int | None] = {
        "processor": processor,
        "board": None if board == processor else board,
        "architecture": platform.machine(),
        "cores": cpu.usable_cores(root),
        "governor": cpu.by_processors(cpu.governors(root)),
        "frequency": cpu.by_processors(cpu.frequencies(root)),
        "cpu quota": None if limits.cpu_cores is None else f"{limits.cpu_cores:.3g} cores",
        "cpuset": limits.cpus,
        "memory": f"{int(memory_kib) // 1024} MiB" if memory_kib.isdecimal() else None,
        "memory limit": None if limits.memory_bytes is None else f"{limits.memory_bytes // _MIB} MiB",
        "load": _load(root),
        "throttled": _throttled(root),
        "system": f"{platform.system()} {platform.release()}",
        "virtual machine": "yes" if cpu.is_virtual(root) else None,
        "container": _container(root),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
        "rnnedge": _own_version(),
        "providers": ", ".join(available_providers()),
    }
    return {name: str(fact) for name, fact in facts.items() if fact is not None}


def _load(root: Path) -> str | None:
    """Tasks that ran or waited for a processor, mean over the last minute."""
    told = re.match(r"\d+\.\d+", text(root / "proc/loadavg") or "")
    if told is not None:
        return told[0]
    return f"{os.getloadavg()[0]:.2f}" if root == Path("/") and hasattr(os, "getloadavg") else None


def _throttled(root: Path) -> str | None:
    """What slowed the machine down since it, or the container, was started; None where nothing is known to have."""
    now = throttling(root)
    parts = [
        f"cpu quota, {now.quota_periods} periods" if now.quota_periods else "",
        f"heat, {now.heat_events} events" if now.heat_events else "",
        *firmware_words((now.firmware or 0) | (now.firmware or 0) >> 16),
    ]
    return ", ".join(part for part in parts if part) or None


def _container(root: Path) -> str | None:
    """The kind of container; None where nothing tells of one."""
    manager = text(root / "run/systemd/container")
    if manager is not None:
        return manager.split()[0]
    if (root / "run/.containerenv").exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    groups = " ".join(lines(root / "proc/self/cgroup"))
    return next((kind for kind in ("kubepods", "docker", "libpod", "lxc") if f"/{kind}" in groups), None)


def _own_version() -> str | None:
    try:
        return version("rnnedge")
    except PackageNotFoundError:
        return None
