"""The pages of `make bench`: latency, pools, the start of a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.one_frame import Result
from bench.pages import machine, publish, table
from bench.pool import PoolResult
from bench.start import BARE, Start


def write(results: Sequence[Result], pools: Sequence[PoolResult], starts: Mapping[str, Start]) -> None:
    """Write the three pages."""
    host = machine("processor", "cores", "python", "onnxruntime")
    note = f"Measured by `make bench`, batch 1, float32, one thread, all contenders in turns: {host}."
    publish("latency.md", *map(_full, results), note)
    on_one_core = f"Measured by `make bench`, float32, one thread, one core: {host}."
    publish("pool.md", *map(_pool, pools), on_one_core)
    publish("start.md", _start(starts), on_one_core)


def _full(result: Result) -> str:
    heads = ("contender", "median, µs per frame", "p99, µs", "ratio to the plain export")
    rows = [(n, f"{median:.1f}", f"{tail:.1f}", f"{ratio:.2f}") for n, median, tail, ratio in result.rows()]
    return f"**{result.case.title}**\n\n{table(heads, rows)}"


def _pool(result: PoolResult) -> str:
    heads = ("contender", "µs per stream-step", "stream-steps per second", "times one by one")
    rows = [(n, f"{step:.2f}", f"{rate:,.0f}", f"{ratio:.1f}") for n, step, rate, ratio in result.rows()]
    return f"**{result.case.title}**\n\n{table(heads, rows)}"


def _start(starts: Mapping[str, Start]) -> str:
    heads = (
        "LSTM(64, 256)",
        "import, ms",
        "load, ms",
        "first frame, ms",
        "all, ms",
        "ratio",
        "peak memory, MB",
        "ratio",
    )
    bare = starts[BARE]
    rows = [
        (
            name,
            f"{one.import_ms:.0f}",
            f"{one.load_ms:.1f}",
            f"{one.first_ms:.2f}",
            f"{one.total_ms:.0f}",
            f"{one.total_ms / bare.total_ms:.2f}",
            f"{one.peak_mb:.1f}",
            f"{one.peak_mb / bare.peak_mb:.2f}",
        )
        for name, one in starts.items()
    ]
    return table(heads, rows)
