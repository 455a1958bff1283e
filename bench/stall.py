"""Does the paced benchmark see a stall at its true size? A push that sleeps 100 ms once in ten seconds, at 100 Hz.

Usage: python -m bench.stall [SECONDS]   (60 by default; writes docs/figures/stall.md)

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
from bench.pages import machine, publish, table
from rnnedge_runtime import load
from rnnedge_runtime.measure import Paced, pace, percentile, sample_calls
from rnnedge_runtime.measure.usage import watch

_PERIOD_MS, _STALL_MS, _EVERY = 10, 100, 1000


def main(seconds: float = 60.0) -> None:
    """Measure; print and publish the true sizes beside the measured ones."""
    pushes = round(1000 * seconds / _PERIOD_MS)
    with tempfile.TemporaryDirectory(prefix="rnnedge-stall-") as folder:
        push = _stalling(Path(folder) / "gru.onnx")
        meter = watch()
        run = pace(push, _PERIOD_MS * 1_000_000, pushes)
        usage = meter.usage(run.awake_ns, run.asleep_ns, run.burnt_ns, pushes)
        closed_ms = np.array([_timed_ms(push, k) for k in range(pushes)])
    period_us = 1000.0 * _PERIOD_MS
    paced = Paced(run.done_ns / 1000, (run.done_ns - run.begun_ns) / 1000, period_us, period_us, 1, usage)
    closed = Paced(1000 * closed_ms, 1000 * closed_ms, period_us, period_us, 1, usage)
    since_stall = np.arange(pushes) % _EVERY - _EVERY // 2
    true_ms = np.where(since_stall >= 0, np.maximum(_STALL_MS - _PERIOD_MS * since_stall, 0), 0)
    # Twice as long as the stall, because what is late by a little longer is late because of it.
    by_stall = (since_stall >= 0) & (since_stall < 2 * _STALL_MS // _PERIOD_MS)
    late, latency_ms = run.done_ns > _PERIOD_MS * 1_000_000, paced.latency_us / 1000
    rows = [(f"p{p:g}, ms", *(percentile(v, p) for v in (true_ms, latency_ms, closed_ms))) for p in (99.5, 99.9)]
    rows += [
        ("max, ms", true_ms.max(), latency_ms.max(), closed_ms.max()),
        ("misses of 10 ms", (true_ms > 0).sum(), (late & by_stall).sum(), (closed_ms > _PERIOD_MS).sum()),
        ("longest burst of misses", _STALL_MS // _PERIOD_MS, paced.longest_burst, closed.longest_burst),
    ]
    figures = table(
        ("", "true", "paced", "off by", "closed loop"),
        [(n, f"{true:.1f}", f"{found:.1f}", f"{found / true - 1:+.1%}", f"{hid:.1f}") for n, true, found, hid in rows],
    )
    note = (
        f"{pushes:,} pushes, one every {_PERIOD_MS} ms, by `python -m bench.stall`: "
        f"{machine('processor', 'cores', 'load')}. "
        f"{int((late & ~by_stall).sum())} more misses were elsewhere: the machine's own."
    )
    print(figures, note, sep="\n\n")
    publish("stall.md", figures, note)


def _stalling(path: Path) -> Callable[[int], object]:
    """`push` of a stream that sleeps in the middle of every ten seconds' worth of frames."""
    torch.manual_seed(0)
    rnnedge_export.export(torch.nn.GRU(40, 64, batch_first=True), torch.zeros(1, 5, 40), path, frame_rate_hz=100.0)
    model = load(path)
    inputs, stream = sample_calls(model), model.stream()

    def push(index: int) -> object:
        if index % _EVERY == _EVERY // 2:
            time.sleep(_STALL_MS / 1000)
        return stream.push(inputs[index % len(inputs)])

    return push


def _timed_ms(push: Callable[[int], object], index: int) -> float:
    began = time.perf_counter_ns()
    push(index)
    return (time.perf_counter_ns() - began) / 1e6


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
