"""Products of matrices with constant weights and between computed ones."""

from __future__ import annotations

import numpy as np
from one_node import COUNT, Case, check, shape
from refusals import refused


def _floats(rng: np.random.Generator, *sizes: int) -> np.ndarray:
    return rng.standard_normal(sizes).astype(np.float32)


def test_gemm_with_constant_weights() -> None:
    """Any alpha, beta and transposition; a bias that is a row, one number, or missing."""
    rng = np.random.default_rng(1)
    cases = []
    for k in range(COUNT):
        m, depth, n = (int(x) for x in rng.integers(1, 40, 3))
        across = k % 2
        given = {"alpha": float(rng.choice([1.0, 0.5, -2.0])), "beta": float(rng.choice([1.0, 3.0])), "transB": across}
        inputs = [_floats(rng, m, depth), _floats(rng, *((n, depth) if across else (depth, n)))]
        fixed = {1}
        if k % 3:
            inputs.append(_floats(rng, *[(n,), (1, n), (1,)][k // 3 % 3]))
            fixed = {1, 2}
        cases.append(Case("Gemm", inputs, given, fixed=fixed))
    check(cases)


def test_gemm_that_starts_from_what_was_computed() -> None:
    """A matrix, a row or a column that is known only while it runs."""
    rng = np.random.default_rng(2)
    cases = []
    for k in range(COUNT // 2):
        m, depth, n = (int(x) for x in rng.integers(1, 30, 3))
        start = _floats(rng, *[(m, n), (1, n), (m, 1), (n,)][k % 4])
        cases.append(Case("Gemm", [_floats(rng, m, depth), _floats(rng, depth, n), start], fixed={1}))
    check(cases)


def test_matmul_of_any_rank() -> None:
    """Constant weights, and two computed operands with leading axes that broadcast."""
    rng = np.random.default_rng(3)
    cases = []
    for _ in range(COUNT // 2):
        lead = shape(rng, 1, 3, 4)
        depth, n = (int(x) for x in rng.integers(1, 30, 2))
        cases.append(Case("MatMul", [_floats(rng, *lead, depth), _floats(rng, depth, n)], fixed={1}))
        m = int(rng.integers(1, 6))
        other = (*lead[:-1], lead[-1]) if rng.random() < 0.5 else (lead[-1],)
        cases.append(Case("MatMul", [_floats(rng, *lead, m, depth), _floats(rng, *other, depth, n)]))
    check(cases)


def test_products_with_vectors() -> None:
    """On either side, constant or computed; the axis of the vector is gone."""
    rng = np.random.default_rng(6)
    cases = []
    for lead in ((), (2,), (2, 3)):
        for fixed in (set(), {0}, {1}):
            cases.append(Case("MatMul", [_floats(rng, *lead, 4, 5), _floats(rng, 5)], fixed=fixed))
            cases.append(Case("MatMul", [_floats(rng, 4), _floats(rng, *lead, 4, 5)], fixed=fixed))
    check([*cases, Case("MatMul", [_floats(rng, 7), _floats(rng, 7)])])


def test_vectors_of_every_width() -> None:
    """The same products with vectors of 4, 8 and 16 floats."""
    rng = np.random.default_rng(4)
    cases = [
        Case("Gemm", [_floats(rng, m, 33), _floats(rng, 33, n), _floats(rng, n)], fixed={1, 2})
        for m in (1, 7, 25)
        for n in (1, 8, 31, 33)
    ]
    for lanes in (4, 8, 16):
        check(cases, lanes)


def test_what_gemm_does_not_do_is_refused() -> None:
    """Between computed matrices with factors."""
    rng = np.random.default_rng(5)
    refused(Case("Gemm", [_floats(rng, 2, 3), _floats(rng, 3, 4)], {"alpha": 2.0}), "alpha = 2.0")
