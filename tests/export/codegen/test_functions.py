"""Functions of one number in C, over all magnitudes, against float64."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from one_node import library

from rnnedge_export.codegen._ir.weights import Weights

Array = np.ndarray
NAMES = ("exponential", "sigmoid", "tangent", "logarithm", "softplus", "error_function", "sine")
CODE = "".join(
    f"void many_{name}(const float *x, float *y, long n) {{ for (long i = 0; i < n; i++) y[i] = {name}(x[i]); }}\n"
    for name in NAMES
)


@pytest.fixture(scope="module")
def functions() -> Iterator[Callable[[str, Array], Array]]:
    """A function by name over an array."""
    built = library({}, Weights(), 8, CODE)

    def apply(name: str, x: Array) -> Array:
        y = np.empty_like(x)
        pointers = (ctypes.c_void_p(a.ctypes.data) for a in (x, y))
        getattr(built, f"many_{name}")(*pointers, ctypes.c_long(x.size))
        return y

    return apply


def _grid(least: float, most: float) -> Array:
    """Even steps, and every power of ten on both sides, within the bounds."""
    powers = np.logspace(-37, math.log10(max(abs(least), abs(most), 1e-30)), 100_000)
    x = np.concatenate([np.linspace(least, most, 1_000_000), powers, -powers]).astype(np.float32)
    return np.ascontiguousarray(x[(x >= least) & (x <= most) & (x != 0)])


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("name", "exact", "least", "most", "bound"),
    [
        ("exponential", np.exp, -87, 88.7, 6e-7),
        ("sigmoid", _sigmoid, -86, 100, 6e-7),
        ("tangent", np.tanh, -100, 100, 5e-7),
        ("logarithm", np.log, 1e-37, 0.7, 4e-7),
        ("logarithm", np.log, 1.4, 3e38, 4e-7),
    ],
)
def test_relative_errors(
    functions: Callable[[str, Array], Array],
    name: str,
    exact: Callable[[Array], Array],
    least: float,
    most: float,
    bound: float,
) -> None:
    """Within a few roundings of the exact value, at every magnitude."""
    x = _grid(least, most)
    right = exact(x.astype(np.float64))
    error = np.abs(functions(name, x) - right) / np.abs(right)
    assert error.max() < bound, (name, error.max(), x[error.argmax()])


@pytest.mark.parametrize(
    ("name", "exact", "least", "most", "bound"),
    [
        ("error_function", np.vectorize(math.erf, otypes=[float]), -6, 6, 4e-7),
        ("softplus", lambda x: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0), -80, 20, 2e-6),
        ("logarithm", np.log, 0.7, 1.4, 2e-7),
        ("sine", np.sin, -100, 100, 2e-7),
        ("sine", np.sin, -3.4e38, 3.4e38, 2e-7),
    ],
)
def test_absolute_errors(
    functions: Callable[[str, Array], Array],
    name: str,
    exact: Callable[[Array], Array],
    least: float,
    most: float,
    bound: float,
) -> None:
    """Where the value passes through zero, or another term of 1 stands beside it."""
    x = _grid(least, most)[::4].copy()
    error = np.abs(functions(name, x) - exact(x.astype(np.float64)))
    assert error.max() < bound, (name, error.max(), x[error.argmax()])


def test_ends(functions: Callable[[str, Array], Array]) -> None:
    """At the infinities, NaN, and beyond what a float holds."""
    x = np.array([-np.inf, np.inf, np.nan, -1e30, 1e30], np.float32)
    expected = {
        "exponential": [0, np.inf, np.nan, 0, np.inf],
        "tangent": [-1, 1, np.nan, -1, 1],
        "sigmoid": [0, 1, np.nan, 0, 1],
        "error_function": [-1, 1, np.nan, -1, 1],
        "logarithm": [np.nan, np.inf, np.nan, np.nan, math.log(1e30)],
        "sine": [np.nan, np.nan, np.nan, -math.sin(float(np.float32(1e30))), math.sin(float(np.float32(1e30)))],
    }
    for name, right in expected.items():
        np.testing.assert_allclose(functions(name, x), right, rtol=1e-6, atol=1e-37, err_msg=name)
