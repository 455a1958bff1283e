"""The .tflite files that are written by hand compute what PyTorch computes; only where LiteRT is installed."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from bench.peers.backends import lite_rt
from bench.peers.problem import CELLS, Case, Problem, Step, pose

pytest.importorskip("ai_edge_litert")


def _outputs(step: Step, problem: Problem) -> np.ndarray:
    return np.stack([step(frame[None])[0].copy() for frame in problem.frames])


@pytest.mark.parametrize(("cell", "states"), [*product(CELLS, ("ports", "variables"))])
def test_a_file_streams_what_torch_computes(cell: str, states: str, tmp_path: Path) -> None:
    """Over 50 frames, and again from zero where the file is loaded anew, while the first goes on."""
    problem, path = pose(Case(cell, 3, 8)), tmp_path / "step.tflite"
    lite_rt.write(problem, path, states)
    first = lite_rt.load(problem, path)
    np.testing.assert_allclose(_outputs(first, problem), problem.expected, atol=1e-6)
    np.testing.assert_allclose(_outputs(lite_rt.load(problem, path), problem), problem.expected, atol=1e-6)
    assert np.abs(_outputs(first, problem)[0] - problem.expected[0]).max() > 1e-3


@pytest.mark.parametrize(("cell", "states"), [*product(CELLS, ("ports", "variables"))])
def test_a_wrong_weight_is_noticed(cell: str, states: str, tmp_path: Path) -> None:
    """One weight of the recurrence that is off shows in the outputs."""
    problem, path = pose(Case(cell, 3, 8)), tmp_path / "step.tflite"
    problem.weights["weight_hh_l0"][0, 0] += 1
    lite_rt.write(problem, path, states)
    assert np.abs(_outputs(lite_rt.load(problem, path), problem) - problem.expected).max() > 1e-3
