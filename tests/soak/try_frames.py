"""Stream many frames in a process of its own; prints how memory went and where the states ended, as JSON.

Usage: try_frames.py FILE FRAMES [leak] [other]. With "leak" every output is kept, as a careless caller would; with
"other" one number of one frame in the middle is another.
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
# Every so often pushes of other lengths come between steps.
_PUSH_EVERY, _LENGTHS = 97, 12


def resident_kib() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def stream(path: str, frames: int, flaws: list[str]) -> dict[str, object]:
    """The growth of memory after the first tenth; a digest of every output, and of the snapshot after the last frame.

    The snapshot alone would not do: a recurrence forgets what was wrong a few dozen frames ago.
    """
    model = load(path, trust="local")
    unit = model.contract.unit
    sample = sample_frames(model.contract, _CALLS * unit, 0)
    assert isinstance(sample, np.ndarray)
    parts = [np.ascontiguousarray(part) for part in np.split(sample, _CALLS)]
    one, digest = model.stream(), hashlib.sha256()
    target, output, step, note = one.input, one.output, one.step, digest.update
    # More lengths than a stream keeps buffers for, and one that is no whole call.
    pushes = [np.concatenate(parts[:count]) for count in range(1, _LENGTHS + 1)] + [parts[0][:1]]
    calls, kept, resident, began = frames // unit, [], [], time.monotonic()
    for call in range(calls):
        target[...] = parts[call % _CALLS]
        if "other" in flaws and call == calls // 2:
            target[0, 0] += 1
        step()
        note(output)
        if call % _PUSH_EVERY == 0:
            given = pushes[call // _PUSH_EVERY % len(pushes)]
            note(np.ascontiguousarray(one.push(given)))
            # What is missing to a whole call.
            note(np.ascontiguousarray(one.push(parts[1][: -one.frames % unit])))
        if "leak" in flaws:
            kept.append(output.copy())
        if call % max(1, calls // _LOOKS) == 0:
            resident.append(resident_kib())
    settled = resident[len(resident) // 10]
    return {
        "frames": one.frames,
        "growth_kib": max(resident[len(resident) // 10 :]) - settled,
        "resident_kib": settled,
        "outputs": digest.hexdigest(),
        "states": hashlib.sha256(one.snapshot()).hexdigest(),
        "seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    print(json.dumps(stream(sys.argv[1], int(sys.argv[2]), sys.argv[3:])))
