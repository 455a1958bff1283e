"""Tables in Markdown, and where they go: a page of the docs, and between two marks of the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.one_frame import Result
from bench.pool import PoolResult
from bench.readme import README, put_between
from bench.start import BARE, Start
from rnnedge_runtime.atomic import write_text

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures"


def publish(
    results: Sequence[Result], pools: Sequence[PoolResult], starts: Mapping[str, Start], host: dict[str, str]
) -> None:
    """Write the docs' figures and the README's table."""
    machine = ", ".join(
        f"{name} {host[name]}" for name in ("processor", "cores", "python", "onnxruntime") if name in host
    )
    note = f"Measured by `make bench`, batch 1, float32, one thread, all contenders in turns: {machine}."
    write_text(FIGURES / "latency.md", "\n\n".join([*(_full(result) for result in results), note]) + "\n")
    where = f"Measured by `make bench`, float32, one thread, one core: {machine}."
    write_text(FIGURES / "pool.md", "\n\n".join([*map(_pool, pools), where]) + "\n")
    write_text(FIGURES / "start.md", f"{_start(starts)}\n\n{where}\n")
    write_text(README, put_between(README.read_text(encoding="utf-8"), "bench", f"{_short(results)}\n\n{note}"))


def _full(result: Result) -> str:
    lines = [
        f"**{result.case.title}**\n",
        "| contender | median, µs per frame | p99, µs | ratio to the plain export |",
        "|---|---:|---:|---:|",
    ]
    lines += [f"| {n} | {median:.1f} | {tail:.1f} | {ratio:.2f} |" for n, median, tail, ratio in result.rows()]
    return "\n".join(lines)


def _pool(result: PoolResult) -> str:
    lines = [
        f"**{result.case.title}**\n",
        "| contender | µs per stream-step | stream-steps per second | times one by one |",
        "|---|---:|---:|---:|",
    ]
    lines += [f"| {n} | {step:.2f} | {per_second:,.0f} | {ratio:.1f} |" for n, step, per_second, ratio in result.rows()]
    return "\n".join(lines)


def _start(starts: Mapping[str, Start]) -> str:
    lines = [
        "| LSTM(64, 256) | import, ms | load, ms | first frame, ms | all, ms | ratio | peak memory, MB | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    bare = starts[BARE]
    for name, one in starts.items():
        times = f"{one.import_ms:.0f} | {one.load_ms:.1f} | {one.first_ms:.2f} | {one.total_ms:.0f}"
        ratios = f"{one.total_ms / bare.total_ms:.2f} | {one.peak_mb:.1f} | {one.peak_mb / bare.peak_mb:.2f}"
        lines.append(f"| {name} | {times} | {ratios} |")
    return "\n".join(lines)


def _short(results: Sequence[Result]) -> str:
    """One line per contender, one column per case: medians."""
    header = "| median, µs per frame | " + " | ".join(result.case.title for result in results) + " |"
    lines = [header, "|---|" + "---:|" * len(results)]
    for name in results[0].call_us:
        lines.append(f"| {name} | " + " | ".join(f"{result.median_us(name):.1f}" for result in results) + " |")
    return "\n".join(lines)
