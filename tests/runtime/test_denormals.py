"""Denormal numbers are flushed in the threads that make streams, whoever opened the first session of the process."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest
from exported import Exported

_PROBE = """
import sys, threading
import numpy as np, onnxruntime
import rnnedge_runtime

def kept():
    return bool((np.full(4, 1e-40, np.float32) * np.float32(0.5)).any())

options = dict(item.split("=") for item in sys.argv[2:])
if "first" in options:
    onnxruntime.InferenceSession(sys.argv[1])
waiting, go = [], threading.Event()
before = threading.Thread(target=lambda: (go.wait(), waiting.append(kept())))
before.start()
model = rnnedge_runtime.load(sys.argv[1], trust=options["trust"], flush_denormals=options["flush"] == "1")
stream = model.stream()
after = threading.Thread(target=lambda: waiting.append(kept()))
after.start(); after.join(); go.set(); before.join()
print(kept(), *waiting)
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # In the thread that loaded, in one that it started afterwards, in one that was there before.
        ("trust=local flush=1", "False False True"),
        ("trust=strict flush=1", "False False True"),
        ("trust=local flush=1 first=1", "False False True"),
        ("trust=local flush=0", "True True True"),
        ("trust=strict flush=0", "True True True"),
    ],
)
def test_threads_that_make_streams_flush(native: Exported, options: str, expected: str) -> None:
    """And those that they start; a thread that was there before stays as it is."""
    command = [sys.executable, "-c", dedent(_PROBE), str(native.path), *options.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == expected, done.stderr
