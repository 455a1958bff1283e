"""tract on the plain export."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.peers.problem import Problem, Step
from rnnedge_runtime.contract import Array


def load(problem: Problem, path: Path) -> Step:
    """Its optimised, runnable model; states go in and come out as its own tensors."""
    import tract

    runnable = tract.onnx().load(str(path)).into_model().into_runnable()
    states = [np.zeros((1, 1, problem.case.hidden_size), np.float32)] * problem.states

    def step(frame: Array) -> Array:
        y, *states[:] = runnable.run([frame[None], *states])
        found: Array = y.to_numpy()
        return found

    return step
