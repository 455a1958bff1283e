"""`python -m bench.native`: the native engine beside a limit, onnxruntime and peers; writes docs/figures/native.md."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Annotated

import typer

from bench import readme
from bench.native import cells, narrow, networks, pools, sizes
from bench.native.page import Report, Run, page, wanted
from bench.pages import FIGURES, publish
from bench.peers.harness import Turns
from bench.peers.problem import CELLS, SIZES, Case
from bench.peers.record import machine
from bench.pool import one_core
from rnnedge.baselines._frame_steps import one_torch_thread
from rnnedge_export.codegen.targets import target_of
from rnnedge_export.codegen.toolchain import system_compiler

POOLS = (pools.Pool(64, 256, streams=64, wanted=9.0), pools.Pool(40, 64, streams=256, wanted=20.0))


def main(
    passes: Annotated[int, typer.Option(help="How often everything is measured: two show the spread.", min=1)] = 2,
    rounds: Annotated[int, typer.Option(help="Turns that each contender gets.", min=1)] = 30,
    frames: Annotated[int, typer.Option(help="Chained frames of the comparison of results.", min=1)] = 10_000,
    size: Annotated[
        list[str] | None, typer.Option(help="INPUT,HIDDEN of layers; several times for several. Default: all.")
    ] = None,
    peers: Annotated[bool, typer.Option(help="Measure every contender of the peers' table too.")] = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few contenders, turns and frames; nothing is written.")
    ] = False,
    output: Annotated[Path, typer.Option("-o", "--output", help="The page.")] = FIGURES / "native.md",
) -> None:
    """Measure everything, print what is wanted beside what was found, and write the page and the README's table."""
    warnings.simplefilter("ignore")
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    turns = Turns(5 if quick else rounds, 100, 30.0, core)
    chosen = [one for one in SIZES if (not size or f"{one[0]},{one[1]}" in size) and (not quick or one in SIZES[2:4])]
    cases = [Case(cell, *one) for cell in CELLS for one in chosen]
    runs, host = [], machine()
    with tempfile.TemporaryDirectory() as place, one_torch_thread():
        for number in range(1 if quick else passes):
            folder = Path(place) / str(number)
            folder.mkdir()
            layers = cells.measure(cases, turns, folder / "layers", peers and not quick)
            with one_core():
                # The same results need no second comparison.
                steps = 200 if quick else frames if number == 0 else 100
                found = []
                for one in networks.measure(folder / "networks", steps, turns.rounds):
                    print(f"{one.name}: {one.refused or f'error {one.error:.0e}'}", file=sys.stderr)
                    found.append(one)
                pooled = [pools.measure(pool, folder, turns.rounds) for pool in POOLS]
                small = list(narrow.measure(folder / "narrow", steps, turns.rounds))
            runs.append(Run(layers, found, pooled, small))
        measured = sizes.measure(Path(place))
    compiler = f"{system_compiler().version} {' '.join(target_of('native').all_flags)}"
    report = Report(runs, measured, host, turns, compiler)
    for row in wanted(report):
        print("  ".join(row))
    if not quick:
        publish(output.absolute(), page(report))
        if output == readme.PAGE:
            readme.main()


if __name__ == "__main__":
    typer.run(main)
