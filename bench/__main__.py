"""`python -m bench`: measure, print the two ratios, and publish the tables."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bench.one_frame import Case, measure
from bench.tables import publish
from rnnedge_runtime.host import fingerprint

CASES = (Case("LSTM", 40, 64), Case("GRU", 40, 64))


def main(
    rounds: Annotated[int, typer.Option(help="Turns of 100 calls that each contender gets.", min=1)] = 100,
    write: Annotated[bool, typer.Option(help="Write the tables into README and docs.")] = True,
) -> None:
    """Measure one frame through every contender."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            print(f"measuring {case.title}", file=sys.stderr)
            results.append(measure(case, Path(folder), rounds))
    for result in results:
        print(result.case.title)
        for name, median, tail, ratio in result.rows():
            print(f"  {name:38} median {median:7.2f} us   p99 {tail:7.2f} us   ratio {ratio:5.2f}")
        print(f"  push / session.run on the plain export: {result.push_to_plain:.2f}   (wanted: at most 0.65)")
        print(f"  push - bare pre-bound run: {result.push_over_bare_us:.2f} us   (wanted: at most 1.2 us)")
        print(f"  step - bare pre-bound run: {result.step_over_bare_us:.2f} us   (wanted: at most 0.4 us)")
    if write:
        publish(results, fingerprint())


typer.run(main)
