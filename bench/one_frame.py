"""Latency of one frame: rnnedge's forms, a bare pre-bound run, session.run on a plain export, eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import rnnedge
from bench.bare import bare_run
from rnnedge.baselines._frame_steps import eager, one_torch_thread, plain_export
from rnnedge_runtime.contract import FORMS, Array
from rnnedge_runtime.measure import percentile, side_by_side

PLAIN = "session.run, plain torch.onnx export"
BARE = "bare run_with_iobinding"
PUSH = "rnnedge push, native"
STEP = "rnnedge step on its own buffers, native"


@dataclass(frozen=True)
class Case:
    """A layer to measure: `cell` is a torch.nn class, sizes as in its constructor."""

    cell: str
    input_size: int
    hidden_size: int
    num_layers: int = 1

    @property
    def title(self) -> str:
        """As it stands above a table."""
        layers = "" if self.num_layers == 1 else f", {self.num_layers} layers"
        return f"{self.cell}, {self.input_size} features in, {self.hidden_size} units{layers}"


@dataclass(frozen=True, eq=False)
class Result:
    """Microseconds of every call, float64 (calls,), by contender; the unrolled form's are per frame."""

    case: Case
    call_us: dict[str, Array]

    def median_us(self, name: str) -> float:
        """Median of one contender."""
        return percentile(self.call_us[name], 50)

    @property
    def push_to_plain(self) -> float:
        """How much of the plain export's time a push takes."""
        return self.median_us(PUSH) / self.median_us(PLAIN)

    @property
    def push_over_bare_us(self) -> float:
        """What a push costs beyond the graph itself: checks, copies, bookkeeping."""
        return self.median_us(PUSH) - self.median_us(BARE)

    @property
    def step_over_bare_us(self) -> float:
        """What a step on the stream's own buffers costs beyond the graph: the check for finite numbers."""
        return self.median_us(STEP) - self.median_us(BARE)

    def rows(self) -> Iterator[tuple[str, float, float, float]]:
        """(contender, median, 99th percentile, ratio to the plain export)."""
        for name, values in self.call_us.items():
            median = percentile(values, 50)
            yield name, median, percentile(values, 99), median / self.median_us(PLAIN)


def measure(case: Case, folder: Path, rounds: int) -> Result:
    """All contenders in turns, one thread each, the same frame in, their states carried."""
    torch.manual_seed(0)
    module: nn.Module = getattr(nn, case.cell)(
        case.input_size, case.hidden_size, case.num_layers, batch_first=True
    ).eval()
    zero = torch.zeros(case.num_layers, 1, case.hidden_size)
    state: Any = (zero, zero) if case.cell == "LSTM" else zero
    frame = np.random.default_rng(0).standard_normal((1, case.input_size), np.float32)
    calls: dict[str, Callable[[], object]] = {}
    frames_per_call = {}
    for form in FORMS:
        path = folder / f"{case.cell}-{form}.onnx"
        rnnedge.export(module, torch.zeros(1, 4, case.input_size), path, form=form)
        model = rnnedge.load(path)
        name = f"rnnedge push, {form}"
        frames_per_call[name] = model.contract.unit
        calls[name] = partial(model.stream().push, np.repeat(frame, frames_per_call[name], axis=0))
        if name == PUSH:
            stream = model.stream()
            stream.input[...] = frame
            calls[STEP] = stream.step
    calls[BARE] = bare_run(folder / f"{case.cell}-native.onnx")
    calls[PLAIN] = partial(plain_export(module, state, case.input_size, folder / "plain.onnx"), frame)
    calls["PyTorch, eager"] = partial(eager(module, state), frame)
    with one_torch_thread():
        times = side_by_side(calls, rounds=rounds)
    return Result(case, {name: values / frames_per_call.get(name, 1) for name, values in times.items()})
