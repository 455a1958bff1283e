"""A second of streaming: is what comes out what was recorded, and how long does a push take?"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter_ns

import numpy as np

from rnnedge_runtime import load
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.golden import replay_golden

_FILE = Path(__file__).with_name("self_test.onnx")
_PUSHES = 500


def stream_small_file() -> str:
    """The error and the median time, in words; raises `VerificationError` if the outputs are not the recorded ones."""
    model = load(_FILE, trust="local")
    golden = model.contract.golden
    assert golden is not None
    report = replay_golden(model.loaded)
    if not report.passed:
        raise VerificationError(f"{_FILE}: {report.failure}")
    frame = golden.inputs[model.contract.inputs[0].name][:1]
    stream, times = model.stream(), []
    for _ in range(_PUSHES):
        started = perf_counter_ns()
        stream.push(frame)
        times.append(perf_counter_ns() - started)
    return f"ok: error {report.max_error:.1e}, a push takes {np.median(times) / 1000:.1f} us"
