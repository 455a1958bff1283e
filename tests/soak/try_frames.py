"""Stream many frames in a process of its own; prints how memory went and where the states ended, as JSON.

Usage: try_frames.py FILE FRAMES SEED [leak]. With "leak" every output is kept, as a careless caller would.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from rnnedge_runtime import load
from rnnedge_runtime.sample import sample_frames

_CALLS = 64
_LOOKS = 100
# Every so often a push comes between steps, so that both are in it.
_PUSH_EVERY = 97


def resident_kib() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def stream(path: str, frames: int, seed: int, *, leak: bool) -> dict[str, object]:
    """The growth of memory after the first tenth, and the digest of the snapshot after the last frame."""
    model = load(path, trust="local")
    unit = model.contract.unit
    sample = sample_frames(model.contract, _CALLS * unit, seed)
    assert isinstance(sample, np.ndarray)
    parts = [np.ascontiguousarray(part) for part in np.split(sample, _CALLS)]
    one = model.stream()
    target, step, push = one.input, one.step, one.push
    calls, kept, resident, began = frames // unit, [], [], time.monotonic()
    for call in range(calls):
        part = parts[call % _CALLS]
        if call % _PUSH_EVERY:
            target[...] = part
            step()
        else:
            push(part)
        if leak:
            kept.append(one.output.copy())
        if call % max(1, calls // _LOOKS) == 0:
            resident.append(resident_kib())
    settled = resident[len(resident) // 10]
    return {
        "frames": one.frames,
        "growth_kib": max(resident[len(resident) // 10 :]) - settled,
        "resident_kib": settled,
        "digest": hashlib.sha256(one.snapshot()).hexdigest(),
        "seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    print(json.dumps(stream(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), leak="leak" in sys.argv[4:])))
