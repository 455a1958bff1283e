"""`python -m bench.native.targets`: every target's bytes, seconds and proof; writes docs/figures/native-targets.md."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, time_ns

import numpy as np
import torch
from torch import nn

import rnnedge_export
from bench.native.library import Compiled, Runner
from bench.native.sizes import Spotter, loaded
from bench.pages import publish, table
from bench.peers.record import machine
from rnnedge_export.codegen import Built, build
from rnnedge_export.codegen.prove import prove
from rnnedge_export.codegen.targets import TARGETS, VNNI
from rnnedge_export.codegen.toolchain import lanes_here, system_compiler
from rnnedge_runtime.errors import RnnEdgeError

NETWORKS = {"LSTM(40, 64)": (lambda: nn.LSTM(40, 64, batch_first=True), 40), "the demo's network": (Spotter, 12)}
_BLOCKS, _STEPS = 60, 1000


@dataclass(frozen=True)
class Row:
    """One network for one target; `refused` says why it has no figures. `us` is None where only an emulator runs it."""

    network: str
    target: str
    refused: str = ""
    code: int = 0
    seconds: float = 0.0
    us: float | None = None
    proof: str = "not run here"


def main() -> None:
    """Compile, prove and time everything, and write the table."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as place:
        rows = []
        for row in _measure(Path(place)):
            print(row)
            rows.append(row)
    publish("native-targets.md", *_page(rows))


def _measure(place: Path) -> Iterator[Row]:
    for network, (make, features) in NETWORKS.items():
        torch.manual_seed(0)
        path = place / f"{features}.onnx"
        rnnedge_export.export(make().eval(), torch.zeros(1, 8, features), path, form="step")
        for name in TARGETS:
            if name != "c":
                yield _row(network, path.read_bytes(), name, place / f"{features}-{name}")


def _row(network: str, data: bytes, name: str, folder: Path) -> Row:
    try:
        # What a compiler makes once, such as the C library of a target, is not the network's time. zig remembers
        # programs too, so that every one has names of its own.
        build(data, name, folder, name="first", block=None)
        begun = perf_counter()
        built = build(data, name, folder, name=f"model_{time_ns()}", block=None)
        seconds = perf_counter() - begun
        proof = prove(data, built)
    except RnnEdgeError as error:
        return Row(network, name, refused=str(error))
    assert built.artifact is not None
    content = built.artifact.read_bytes()
    # Every level has weights of its own, in panels of its vectors.
    levels = [level for level in built.target.levels if level != VNNI or built.source.integer_products]
    weights = built.source.weight_bytes * max(1, len(levels))
    code = (loaded(content) if content[:4] == b"\x7fELF" else len(content)) - weights
    told = "not run here" if proof is None else f"{proof.runner}, {proof.frames} frames, error {proof.max_error:.0e}"
    return Row(network, name, "", code, seconds, _us(built), told)


def _us(built: Built) -> float | None:
    """Microseconds of a step where this processor, or Node, runs it."""
    assert built.artifact is not None
    if built.target.suffix == ".wasm":
        ports = built.source.programs[0]
        sizes = [str(port.bytes) for port in (*ports.inputs, *ports.outputs)]
        if shutil.which("node") is None:
            return None
        command = ["node", Path(__file__).parent / "frames.mjs", built.artifact, built.source.name, *sizes]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    triple = built.target.triple
    here = triple is None or triple.startswith(f"{os.uname().machine}-linux")
    if built.target.suffix != ".so" or not here or built.target.lanes > lanes_here():
        return None
    runner = Runner(Compiled(built.source, built.artifact))
    times = []
    for _ in range(_BLOCKS):
        begun = perf_counter()
        runner.steps(_STEPS)
        times.append((perf_counter() - begun) / _STEPS * 1e6)
    return float(np.median(times))


def _page(rows: list[Row]) -> tuple[str, str]:
    """The table, and how it was measured."""
    found = []
    for r in rows:
        figures = ("", "", "", r.refused) if r.refused else (f"{r.code:,}", f"{r.seconds:.1f}", _us(r.us), r.proof)
        found.append((r.network, r.target, *figures))
    heads = ("network", "target", "code, bytes", "s", "µs a frame", "proven on")
    host = ", ".join(f"{name} {value}" for name, value in machine().items())
    note = (
        "Code is what is loaded beside the weights; for Windows, macOS and wasm the whole file less the weights. "
        "Frames are timed from C, in Node from JavaScript; where only an emulator runs a target, its time would say "
        "nothing. "
        f"Measured by `python -m bench.native.targets`, one sequence, one core: {host}; {system_compiler().version}."
    )
    return table(heads, found, words=2), note


def _us(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
