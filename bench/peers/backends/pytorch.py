"""PyTorch: its layer and its cell, eager, in TorchScript, and compiled."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.peers.problem import Problem, Step
from rnnedge.baselines._frame_steps import eager, torchscript
from rnnedge_runtime.contract import Array

torch.set_num_threads(1)


class Cell(nn.Module):
    """A cell of torch.nn as `(x, state) -> (y, state)`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.cell = problem.cell()
        self.pair = problem.states == 2

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """x (1, input_size) -> h (1, hidden_size)."""
        state = self.cell(x, state)
        return (state[0] if self.pair else state), state


def module_eager(problem: Problem, path: Path | None = None) -> Step:
    """nn.LSTM or nn.GRU, one frame as a sequence."""
    return eager(problem.module(), problem.zero_state(1, 1))


def cell_eager(problem: Problem, path: Path | None = None) -> Step:
    """nn.LSTMCell or nn.GRUCell."""
    return _of_cell(eager(Cell(problem), problem.zero_state(1)))


def cell_torchscript(problem: Problem, path: Path | None = None) -> Step:
    """The cell, traced and frozen."""
    return _of_cell(torchscript(Cell(problem), problem.zero_state(1)))


def cell_compiled(problem: Problem, path: Path | None = None) -> Step:
    """The cell through torch.compile with its defaults, for fixed shapes."""
    if not (shutil.which("g++") or shutil.which("c++") or shutil.which("clang++")):
        raise RuntimeError("torch.compile needs a C++ compiler, and there is none here")
    torch.compiler.reset()
    return _of_cell(eager(torch.compile(Cell(problem).eval(), dynamic=False), problem.zero_state(1)))


def _of_cell(step: Step) -> Step:
    """`rnnedge.baselines._frame_steps` puts a batch axis in front of what it gets, and a cell wants no time axis."""

    def of_frame(frame: Array) -> Array:
        return step(frame[0])

    return of_frame
