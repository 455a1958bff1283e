"""The most memory that this process had; `getrusage` would count what its parent had before it was started."""

from __future__ import annotations

from pathlib import Path


def peak_mib() -> int:
    """VmHWM of /proc/self/status; 0 where there is none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)
