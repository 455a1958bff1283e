"""`python -m bench.peers`: all that a user could pick instead, side by side; `make bench-peers` installs them first."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bench.pages import FIGURES, publish
from bench.peers.claims import ahead, claims
from bench.peers.harness import Harness, Row, Turns
from bench.peers.page import page
from bench.peers.problem import CELLS, SIZES, Case, pose
from bench.peers.record import Cell, Record, load, machine
from bench.peers.roster import roster

RECORD, PAGE = FIGURES / "peers.json", FIGURES / "peers.md"


def main(
    sizes: Annotated[
        list[str] | None, typer.Option(help="INPUT,HIDDEN; several times for several. Default: all.")
    ] = None,
    cells: Annotated[list[str] | None, typer.Option(help="LSTM or GRU. Default: both.")] = None,
    only: Annotated[str, typer.Option(help="Contenders whose name has this in it.")] = "",
    rounds: Annotated[int, typer.Option(help="Bursts that each contender gets.", min=1)] = 30,
    calls: Annotated[int, typer.Option(help="Calls of a burst, at most.", min=1)] = 100,
    burst_ms: Annotated[float, typer.Option(help="Milliseconds of a burst, at most.")] = 30.0,
    core: Annotated[int | None, typer.Option(help="The core that all are pinned to. Default: the last.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few calls, nothing written: does everybody run?")] = False,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Measure nothing; write the tables from the record.")
    ] = False,
) -> None:
    """Measure every contender in every case, print who is ahead, and write the record and the page.

    A part of the cases or of the contenders is printed, and written nowhere.
    """
    if rewrite:
        publish(PAGE.name, page(load(RECORD)))
        return
    turns = Turns(3 if quick else rounds, 30 if quick else calls, burst_ms, _last_core() if core is None else core)
    cases = [Case(cell, *size) for cell in cells or CELLS for size in (map(_size, sizes) if sizes else SIZES)]
    contenders = [contender for contender in roster() if only in contender.name]
    host, measured = machine(), []
    with tempfile.TemporaryDirectory() as folder, Harness(contenders, Path(folder)) as harness:
        for case in cases:

            def say(stage: str, title: str = case.title) -> None:
                print(f"{title}: {stage}", file=sys.stderr)

            rows = harness.measure(pose(case), turns, say)
            measured.append(Cell(case, {row.contender: row for row in rows}))
            _print(case, rows)
    record = Record(host, turns, tuple(measured))
    _print_claims(record)
    if not (quick or sizes or cells or only):
        record.save(RECORD)
        # From the file, so that the tables are those of the figures that were kept.
        publish(PAGE.name, page(load(RECORD)))


def _print(case: Case, rows: list[Row]) -> None:
    print(case.title)
    for row in rows:
        if not row.skipped:
            print(
                f"  {row.contender:38} p50 {row.p50_us:8.2f} us   p99 {row.p99_us:8.2f} us   error {row.max_error:.0e}"
            )
    for reason in dict.fromkeys(row.skipped for row in rows if row.skipped):
        print(f"  skipped: {reason} ({'; '.join(row.contender for row in rows if row.skipped == reason)})")


def _print_claims(record: Record) -> None:
    print("promised")
    for claim in claims(record):
        print(f"  { ({True: 'yes', False: 'NO', None: '?'}[claim.kept]):4}{claim.promise}: {claim.found}")
    print("ahead of us, float32")
    for entry in ahead(record):
        print(f"  {entry.cell:14} {entry.contender}: {entry.theirs_us:.2f} us against {entry.ours_us:.2f} us")


def _size(text: str) -> tuple[int, int]:
    try:
        first, second = map(int, text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--sizes: expected INPUT,HIDDEN such as 16,32, found {text!r}") from None
    return first, second


def _last_core() -> int | None:
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


if __name__ == "__main__":
    typer.run(main)
