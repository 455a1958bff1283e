"""What the control groups of this process allow it, version 1 and 2, and how often they stopped it.

A limit holds for all groups below, so the tightest on the way to the top counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rnnedge_runtime.host._sysfs import as_spans, fields, lines, number, spans, text

# Version 1 writes "no limit" as the largest multiple of the page size.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True)
class Limits:
    """`cpu_cores` is quota over period, 0.5 being half a core; `memory_bytes`; `cpus` as in `0-3,6`. None: no limit."""

    cpu_cores: float | None
    memory_bytes: int | None
    cpus: str | None


@dataclass(frozen=True)
class Stopped:
    """How often a cpu quota stopped the tasks of these groups since they were made, and for how long, microseconds."""

    periods: int
    time_us: int


def limits(root: Path) -> Limits:
    """The limits of this process; of all that is not exposed, None."""
    quotas = [q for folder in _folders(root, "cpu") if (q := _quota(folder)) is not None]
    memory = [m for folder in _folders(root, "memory") if (m := _memory(folder)) is not None]
    return Limits(min(quotas, default=None), min(memory, default=None), _cpus(root))


def stopped(root: Path) -> Stopped | None:
    """What the quotas on the way to the top did so far; None where no group counts it."""
    found = None
    for folder in _folders(root, "cpu"):
        told = {name: int(value) for name, value in fields(folder / "cpu.stat").items() if value.isdecimal()}
        if "nr_throttled" in told:
            # Version 1 counts nanoseconds.
            time_us = told.get("throttled_usec", told.get("throttled_time", 0) // 1000)
            before = found or Stopped(0, 0)
            found = Stopped(before.periods + told["nr_throttled"], before.time_us + time_us)
    return found


def _quota(folder: Path) -> float | None:
    both = re.fullmatch(r"(\d+) (\d+)", text(folder / "cpu.max") or "")
    quota, period = (int(both[1]), int(both[2])) if both else (
        number(folder / "cpu.cfs_quota_us"), number(folder / "cpu.cfs_period_us"))  # fmt: skip
    return quota / period if quota is not None and quota > 0 and period else None


def _memory(folder: Path) -> int | None:
    most = number(folder / "memory.max") or number(folder / "memory.limit_in_bytes")
    return most if most is not None and most < _NO_LIMIT else None


def _cpus(root: Path) -> str | None:
    """The processors of the innermost group that names some; None where these are all."""
    online = spans(text(root / "sys/devices/system/cpu/online") or "")
    for folder in _folders(root, "cpuset"):
        for name in ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"):
            cpus = spans(text(folder / name) or "")
            if cpus:
                return None if cpus == online else as_spans(cpus)
    return None


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """The groups of this process that may have `controller`, innermost first, of version 1 and of version 2."""
    mounts = list(_mounts(root))
    for line in lines(root / "proc/self/cgroup"):
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        version_2 = hierarchy == "0" and not controllers
        if not version_2 and controller not in controllers.split(","):
            continue
        for kind, options, mounted, at in mounts:
            if kind != ("cgroup2" if version_2 else "cgroup") or not (version_2 or controller in options):
                continue
            top = root / at.lstrip("/")
            # In a container the path may be the host's, while only the container's own group is mounted.
            inner = Path(path).relative_to(mounted) if Path(path).is_relative_to(mounted) else Path()
            if ".." in inner.parts:
                inner = Path()
            yield from (top / part for part in (inner, *inner.parents))
            break


def _mounts(root: Path) -> Iterator[tuple[str, list[str], str, str]]:
    """Type, options, mounted group and mount point of each cgroup file system."""
    for line in lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        place, what = before.split(), after.split()
        if len(place) >= 5 and len(what) >= 3 and what[0] in ("cgroup", "cgroup2"):
            mounted, at = (re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), part) for part in place[3:5])
            yield what[0], what[2].split(","), mounted, at
