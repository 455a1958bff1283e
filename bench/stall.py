"""Does the paced benchmark see a stall at its true size? A push that sleeps 100 ms once in ten seconds, at 100 Hz.

Usage: python -m bench.stall [SECONDS]   (60 by default)

Beside what `pace` reports stands what it has to be, by arithmetic: a stall of 100 ms delays the ten frames that arrive
meanwhile, by 100, 90, .. 10 ms. What is late elsewhere is the machine's own, and is told apart by its place. The closed
loop over the very same stalls sees one slow push in a thousand.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import rnnedge_export
from rnnedge_runtime import load
from rnnedge_runtime.measure import Paced, pace, percentile, sample_calls
from rnnedge_runtime.measure.usage import watch

_PERIOD_S, _STALL_S, _EVERY = 0.01, 0.1, 1000


def main(seconds: float = 60.0) -> None:
    """Measure, and print the true sizes beside the measured ones."""
    pushes = round(seconds / _PERIOD_S)
    with tempfile.TemporaryDirectory(prefix="rnnedge-stall-") as folder:
        push = _stalling(Path(folder) / "gru.onnx")
        meter = watch()
        run = pace(push, round(_PERIOD_S * 1e9), pushes)
        closed_us = np.array([_timed_us(push, k) for k in range(pushes)])
    usage = meter.usage(run.awake_ns, run.asleep_ns, run.burnt_ns, pushes)
    period_us = _PERIOD_S * 1e6
    paced = Paced(run.done_ns / 1000, (run.done_ns - run.begun_ns) / 1000, period_us, period_us, 1, usage)
    stalls = sum(k % _EVERY == _EVERY // 2 for k in range(pushes))
    delayed = round(_STALL_S / _PERIOD_S)
    late_ms = [1e3 * (_STALL_S - k * _PERIOD_S) for k in range(delayed)] * stalls
    true_ms = np.sort(np.concatenate([np.zeros(pushes - len(late_ms)), late_ms]))
    print(f"{pushes:,} pushes at {1 / _PERIOD_S:g} Hz, a stall of {_STALL_S * 1e3:g} ms every {_EVERY * _PERIOD_S:g} s")
    late = run.done_ns > _PERIOD_S * 1e9
    behind = np.arange(pushes) % _EVERY - _EVERY // 2
    shadow = (behind >= 0) & (behind < 2 * delayed)
    print(f"{'':28}{'true':>12}{'paced':>12}{'off by':>9}{'closed loop':>14}")
    for name, true, measured, closed in (
        ("p99.9, ms", percentile(true_ms, 99.9), paced.percentile_us(99.9) / 1e3, percentile(closed_us, 99.9) / 1e3),
        ("p99.5, ms", percentile(true_ms, 99.5), paced.percentile_us(99.5) / 1e3, percentile(closed_us, 99.5) / 1e3),
        ("max, ms", 1e3 * _STALL_S, float(paced.latency_us.max()) / 1e3, float(closed_us.max()) / 1e3),
        ("misses of 10 ms by stalls", len(late_ms), int((late & shadow).sum()), int((closed_us > period_us).sum())),
    ):
        print(f"{name:28}{true:12.1f}{measured:12.1f}{measured / true - 1:9.1%}{closed:14.1f}")
    print(f"{'longest burst of misses':28}{delayed:12}{paced.longest_burst:12}")
    print(f"{'misses elsewhere':28}{0:12}{int((late & ~shadow).sum()):12}")


def _stalling(path: Path) -> Callable[[int], object]:
    """`push` of a stream that sleeps in the middle of every ten seconds' worth of frames."""
    torch.manual_seed(0)
    rnnedge_export.export(torch.nn.GRU(40, 64, batch_first=True), torch.zeros(1, 5, 40), path, frame_rate_hz=100.0)
    model = load(path)
    inputs, stream = sample_calls(model), model.stream()

    def push(index: int) -> object:
        if index % _EVERY == _EVERY // 2:
            time.sleep(_STALL_S)
        return stream.push(inputs[index % len(inputs)])

    return push


def _timed_us(push: Callable[[int], object], index: int) -> float:
    began = time.perf_counter_ns()
    push(index)
    return (time.perf_counter_ns() - began) / 1000


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
