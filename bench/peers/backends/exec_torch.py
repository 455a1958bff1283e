"""ExecuTorch: the cell, lowered to XNNPACK, run by its Python binding without copies of the outputs."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from bench.peers.problem import Problem, Step
from rnnedge_runtime.contract import Array

torch.set_num_threads(1)


class _Cell(nn.Module):
    """Flat arguments and results, as the binding has them."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.cell = problem.cell()
        self.pair = problem.states == 2

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """x (1, input_size), states (1, hidden_size) -> the next states."""
        return self.cell(x, states) if self.pair else (self.cell(x, states[0]),)


def write(problem: Problem, path: Path) -> None:
    """A .pte program."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    example = (torch.zeros(1, problem.case.input_size), *_zeros(problem))
    exported = torch.export.export(_Cell(problem).eval(), example)
    program = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).to_executorch()
    path.write_bytes(program.buffer)


def load(problem: Problem, path: Path) -> Step:
    """The program's own module, one thread."""
    from executorch.extension.pybindings import portable_lib

    portable_lib._unsafe_reset_threadpool(1)
    forward = portable_lib._load_for_executorch(str(path)).forward
    states = _zeros(problem)

    def step(frame: Array) -> Array:
        nonlocal states
        states = forward((torch.from_numpy(frame), *states), clone_outputs=False)
        found: Array = states[0].numpy()
        return found

    return step


def _zeros(problem: Problem) -> list[Tensor]:
    return [torch.zeros(1, problem.case.hidden_size) for _ in range(problem.states)]
