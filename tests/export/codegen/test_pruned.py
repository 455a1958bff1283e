"""Products with weights of which whole groups are zero: only the others are kept, and the results are the same."""

from __future__ import annotations

import numpy as np
import pytest
from one_node import Case, check, compiled

from rnnedge_export.codegen._ir.weights import Weights

GROUP = 16


def _weights(rng: np.random.Generator, depth: int, columns: int, share: float) -> np.ndarray:
    w = rng.standard_normal((depth, columns)).astype(np.float32)
    for first in range(0, columns, GROUP):
        w[rng.random(depth) < share, first : first + GROUP] = 0
    return w


def _case(rng: np.random.Generator, rows: int, depth: int, columns: int, share: float) -> Case:
    x, start = (rng.standard_normal(size).astype(np.float32) for size in ((rows, depth), columns))
    return Case("Gemm", [x, _weights(rng, depth, columns, share), start], fixed={1, 2})


@pytest.mark.parametrize("flags", [[], ["-DNO_VECTORS"]], ids=["vectors", "plain"])
def test_products_of_any_number_of_rows(flags: list[str]) -> None:
    """One and many, with panels that are cut off, that are empty, and depths that no number of sums divides."""
    for lanes in (4, 8, 16):
        rng = np.random.default_rng(lanes)
        shapes = ((1, 301, 80, 0.6), (1, 64, 333, 0.9), (2, 129, 144, 0.5), (13, 70, 257, 0.7), (25, 256, 100, 0.999))
        cases = [_case(rng, *one) for one in shapes]
        check(cases, lanes, flags=flags)
        for one in cases:
            kept = Weights()
            compiled(one, one.expected(), kept, lanes)
            assert kept.sparse and kept.all_bytes().size < one.inputs[1].nbytes


def test_weights_that_have_few_zeros_stay_whole() -> None:
    """A tenth of the groups; and single zeros in all of them."""
    rng = np.random.default_rng(0)
    few, scattered = _case(rng, 1, 300, 160, 0.1), _case(rng, 1, 300, 160, 0.0)
    scattered.inputs[1][rng.random((300, 160)) < 0.8] = 0
    for one in (few, scattered):
        kept = Weights()
        compiled(one, one.expected(), kept, 16)
        assert not kept.sparse
