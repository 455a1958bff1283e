"""`python -m bench`: measure, print the ratios beside what is wanted, and publish the tables."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bench import one_frame, pool, start
from bench.tables import write as write_pages

CASES = (one_frame.Case("LSTM", 40, 64), one_frame.Case("GRU", 40, 64))
POOLS = (pool.PoolCase(64, 256, streams=64, wanted=5.0), pool.PoolCase(40, 64, streams=256, wanted=10.0))


def main(
    rounds: Annotated[int, typer.Option(help="Turns of 100 calls that each contender gets.", min=1)] = 100,
    write: Annotated[bool, typer.Option(help="Write the tables of the docs.")] = True,
) -> None:
    """Measure one frame through every contender, many streams, and the start of a process."""
    with tempfile.TemporaryDirectory() as folder:
        frames = []
        for case in CASES:
            print(f"measuring {case.title}", file=sys.stderr)
            frames.append(one_frame.measure(case, Path(folder), rounds))
            _print_frame(frames[-1])
        pools = []
        for many in POOLS:
            print(f"measuring {many.title}", file=sys.stderr)
            pools.append(pool.measure(many, Path(folder), max(3, rounds // 4)))
            _print_pool(pools[-1])
        print("measuring the start of a process", file=sys.stderr)
        starts = start.measure(Path(folder), max(5, rounds // 4))
        _print_start(starts)
    if write:
        write_pages(frames, pools, starts)


def _print_frame(result: one_frame.Result) -> None:
    print(result.case.title)
    for name, median, tail, ratio in result.rows():
        print(f"  {name:38} median {median:7.2f} us   p99 {tail:7.2f} us   ratio {ratio:5.2f}")
    print(f"  push / session.run on the plain export: {result.push_to_plain:.2f}   (wanted: at most 0.65)")
    print(f"  push - bare pre-bound run: {result.push_over_bare_us:.2f} us   (wanted: at most 1.2 us)")
    print(f"  step - bare pre-bound run: {result.step_over_bare_us:.2f} us   (wanted: at most 0.4 us)")


def _print_pool(result: pool.PoolResult) -> None:
    print(result.case.title)
    for name, step_us, per_second, ratio in result.rows():
        print(f"  {name:38} {step_us:7.2f} us a stream-step   {per_second:11,.0f} a second   ratio {ratio:5.2f}")
    print(f"  pool / one by one: {result.gain:.2f}   (wanted: at least {result.case.wanted:g})")


def _print_start(starts: dict[str, start.Start]) -> None:
    bare = starts[start.BARE]
    print("start of a process, LSTM, 64 features in, 256 units")
    for name, one in starts.items():
        print(f"  {name:38} import {one.import_ms:6.1f}  load {one.load_ms:5.1f}  first {one.first_ms:4.2f}  "
              f"all {one.total_ms:6.1f} ms   peak {one.peak_mb:5.1f} MB")  # fmt: skip
    for name in (start.LOCAL, start.STRICT, start.FIRST):
        print(f"  {name}: time {starts[name].total_ms / bare.total_ms:.2f}   (wanted: at most 1.25), "
              f"memory {starts[name].peak_mb / bare.peak_mb:.2f}   (wanted: at most 1.3)")  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
