"""One layer with narrow weights: the native engine on files in fewer bits beside a plain run of the float32 file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.native.bounds import reading
from bench.native.graph import Reference, frames, session, step_file
from bench.native.library import Runner, compiled
from rnnedge_export.precision import Precision
from rnnedge_runtime.contract import Array
from rnnedge_runtime.measure import percentile, side_by_side

INPUTS, HIDDEN = 80, 512
PRECISIONS = ("float32", "bf16", "int8", "int4")
CELLS = ("LSTM", "GRU")


@dataclass(frozen=True, eq=False)
class Narrow:
    """A layer in one precision: microseconds of every call, and of a plain run of float32 in the same turns.

    `error`: the largest difference of a chained frame from onnxruntime in float32, outputs being below 1.
    """

    cell: str
    precision: str
    weight_bytes: int
    error: float
    native_us: Array
    plain_us: Array
    reading_us: Array

    @property
    def gain(self) -> float:
        """How many times as long the plain run takes, by medians."""
        return percentile(self.plain_us, 50) / percentile(self.native_us, 50)

    @property
    def most(self) -> float:
        """The gain of an engine that reads the weights once and does nothing else."""
        return percentile(self.plain_us, 50) / percentile(self.reading_us, 50)


def measure(folder: Path, steps: int, rounds: int) -> Iterator[Narrow]:
    """Every precision of both cells."""
    for cell in CELLS:
        torch.manual_seed(0)
        module = getattr(nn, cell)(INPUTS, HIDDEN, batch_first=True).eval()
        example = torch.randn(1, 8, INPUTS)
        files = {name: step_file(module, example, precision=Precision(name)) for name in PRECISIONS}
        home = folder / cell
        libraries = {name: compiled(data, home / name) for name, data in files.items()}
        runners = {name: Runner(library) for name, library in libraries.items()}
        reference = Reference(libraries["float32"], files["float32"])
        errors = _errors(runners, reference, steps)
        plain = session(files["float32"])
        feed = {**frames(runners["float32"], 1)[0], **{name: a.copy() for name, a in reference.states.items()}}
        sizes = {name: library.source.weight_bytes for name, library in libraries.items()}
        calls = {f"native {name}": runner.step for name, runner in runners.items()}
        calls |= {f"read {name}": reading(size, home) for name, size in sizes.items()}
        calls["plain"] = lambda plain=plain, feed=feed: plain.run(None, feed)
        times = side_by_side(calls, rounds=rounds, calls=30, warmup=5)
        for name in PRECISIONS:
            timed = (times[f"native {name}"], times["plain"], times[f"read {name}"])
            yield Narrow(cell, name, sizes[name], errors[name], *timed)


def _errors(runners: dict[str, Runner], reference: Reference, steps: int) -> dict[str, float]:
    worst = dict.fromkeys(runners, 0.0)
    inputs = frames(runners["float32"], min(steps, 300))
    for step in range(steps):
        for name, value in inputs[step % len(inputs)].items():
            reference.inputs[name][...] = value
            for runner in runners.values():
                runner.inputs[name][...] = value
        reference.step()
        for precision, runner in runners.items():
            runner.step()
            for name, expected in reference.outputs.items():
                # A NaN stays, and fails every comparison.
                error = float(np.abs(runner.outputs[name] - expected).max())
                worst[precision] = float(np.maximum(worst[precision], error))
    return worst
