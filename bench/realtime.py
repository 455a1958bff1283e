"""Deadlines that are missed with and without `rnnedge.realtime`, at 1 kHz beside processes that take every core.

Usage: python -m bench.realtime [SECONDS]   (20 by default; writes docs/figures/realtime.md)
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from torch import nn, randn

import rnnedge
from bench.pages import machine, publish, table, us
from rnnedge_runtime.measure import Paced, measure_paced, percentile

_RATE_HZ, _DEADLINE_MS = 1000.0, 1.0


def main(seconds: float = 20.0) -> None:
    """Measure; print and publish."""
    with tempfile.TemporaryDirectory(prefix="rnnedge-realtime-") as folder, _load():
        path = Path(folder) / "net.onnx"
        rnnedge.export(nn.LSTM(40, 64, batch_first=True).eval(), randn(1, 20, 40), path)
        rows, said = [], ""
        for words, block in (
            ("as it is", nullcontext()),
            ("realtime()", rnnedge.realtime()),
            ("realtime(core=0, priority=50)", rnnedge.realtime(core=0, priority=50)),
        ):
            model = rnnedge.load(path, provider="native")
            with block as found:
                paced = measure_paced(model, seconds=seconds, rate_hz=_RATE_HZ, deadline_us=1000 * _DEADLINE_MS)
            rows.append(_row(words, paced))
            said = "" if found is None else f" The last {found}."
    figures = table(("", "p50, µs", "p99, µs", "p99.9, µs", "longest, µs", "later than 1 ms"), rows)
    print(figures)
    note = f"{seconds:g} s each, a process that computes on every core meanwhile, by `python -m bench.realtime`"
    publish("realtime.md", figures, f"{note}: {machine('processor', 'cores')}.{said}")


def _row(words: str, paced: Paced) -> tuple[str, ...]:
    latency = paced.latency_us
    share = float((latency > 1000 * _DEADLINE_MS).mean())
    return (words, *(us(percentile(latency, p)) for p in (50, 99, 99.9)), us(float(latency.max())), f"{share:.2%}")


@contextmanager
def _load() -> Iterator[None]:
    others = [multiprocessing.Process(target=_busy, daemon=True) for _ in range(os.cpu_count() or 1)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        for other in others:
            other.terminate()


def _busy() -> None:
    while True:
        sum(range(1000))


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
