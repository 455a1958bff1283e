"""The grids of narrow weights, against the numbers that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rnnedge_export.precision import grids

MATRICES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 150), st.integers(1, 9)),
    elements=st.floats(-100, 100, width=32, allow_subnormal=False),
)


@given(MATRICES)
def test_a_weight_moves_by_half_a_step_at_most(w: np.ndarray) -> None:
    """Rounding on any grid changes a weight by half of its own scale, and keeps the shape."""
    for narrow in (grids.per_tensor(w), grids.per_column(w), grids.per_block(w, 8), grids.per_block(w, 4)):
        wide = narrow.widened()
        assert wide.shape == w.shape
        scale = narrow.scale
        if narrow.block:
            blocks = np.broadcast_to(scale, narrow.q.shape).reshape(w.shape[1], -1)
            scale = blocks.T[: len(w)]
        assert (np.abs(wide - w) <= scale * np.float32(0.5001)).all()


@pytest.mark.parametrize(("levels", "narrow"), [(63, grids.per_tensor), (63, grids.per_column)])
def test_products_of_uint8_with_the_grid_fit_16_bits(levels: int, narrow: object) -> None:
    """Two products of 255 with the largest weight fit in 16 bits, as processors without VNNI add them."""
    found = narrow(np.array([[5.0, -5.0], [4.9, 0.1]], np.float32))  # type: ignore[operator]
    assert np.abs(found.q).max() == levels
    assert 2 * 255 * int(np.abs(found.q).max()) < 1 << 15


def test_a_matrix_of_zeros_stays_zero() -> None:
    """No scale is zero, so nothing divides by it."""
    zeros = np.zeros((70, 3), np.float32)
    for narrow in (grids.per_tensor(zeros), grids.per_column(zeros), grids.per_block(zeros, 4)):
        assert (narrow.scale > 0).all()
        assert not narrow.widened().any()


def test_columns_of_different_size_lose_less_with_a_scale_each() -> None:
    """A small column beside a large one is lost on a common grid, and kept on its own."""
    w = np.random.default_rng(0).standard_normal((64, 2)).astype(np.float32) * np.array([1.0, 1e-3], np.float32)
    common = np.abs(grids.per_tensor(w).widened() - w)[:, 1].max()
    own = np.abs(grids.per_column(w).widened() - w)[:, 1].max()
    assert own < common / 20


def test_blocks_waste_fewest_bytes() -> None:
    """80 weights go into two blocks of 64 rather than one of 128, scales counted."""
    assert grids.per_block(np.ones((64, 1), np.float32), 8).block == 64
    assert grids.per_block(np.ones((256, 1), np.float32), 8).block == 128
    assert grids.per_block(np.ones((256, 1), np.float32), 4).block == 32
