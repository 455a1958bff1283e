"""The hand-written step that the native engine is measured against."""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path

import pytest

from bench.native.roofline import Blocking, Limit, check
from bench.peers.problem import CELLS, Case, pose

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


@pytest.mark.parametrize(("cell", "blocking"), [*product(CELLS, (Blocking(1, 1, 0, 1), Blocking(2, 2, 512, 2)))])
def test_a_step_by_hand_is_torchs_layer(cell: str, blocking: Blocking, tmp_path: Path) -> None:
    """Every way to block the weights computes what torch.nn's layer does, over 50 frames with the state carried."""
    problem = pose(Case(cell, 5, 64))
    assert check(Limit(problem, blocking, tmp_path), problem) < 1e-6


def test_the_check_notices_a_wrong_weight(tmp_path: Path) -> None:
    """One weight that is off shows in the error."""
    problem = pose(Case("GRU", 5, 64))
    problem.weights["weight_hh_l0"][0, 0] += 1
    limit = Limit(problem, Blocking(1, 1, 0, 1), tmp_path)
    assert check(limit, problem) > 1e-3
