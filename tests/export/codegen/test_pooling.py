"""Pools, resizing and running sums."""

from __future__ import annotations

import numpy as np
from one_node import COUNT, Case, check, numbers, shape
from refusals import refused


def test_pools() -> None:
    """Windows along one and two axes with strides, dilations and pads, counted with and without the pads."""
    rng = np.random.default_rng(1)
    cases = []
    for k in range(COUNT):
        rank = 1 + k % 2
        kernel = rng.integers(1, 4, rank)
        pads = [int(rng.integers(0, n)) for n in (*kernel, *kernel)]
        given = {"kernel_shape": kernel.tolist(), "strides": rng.integers(1, 4, rank).tolist(), "pads": pads}
        if k % 3 == 0:
            given["dilations"] = rng.integers(1, 3, rank).tolist()
        op = "MaxPool" if k % 4 < 2 else "AveragePool"
        if op == "AveragePool":
            given["count_include_pad"] = k // 4 % 2
        values = rng.standard_normal((int(rng.integers(1, 3)), 3, *rng.integers(6, 12, rank))).astype(np.float32)
        cases.append(Case(op, [values], given, opset=20))
    check(cases)


def test_pools_with_windows_beyond_the_end() -> None:
    """`ceil_mode` adds a window that ends behind the numbers, if it does not begin there."""
    rng = np.random.default_rng(2)
    cases = []
    for length in range(5, 12):
        values = rng.standard_normal((1, 2, length)).astype(np.float32)
        given = {"kernel_shape": [3], "strides": [2], "ceil_mode": 1}
        cases += [Case(op, [values], given) for op in ("MaxPool", "AveragePool")]
    check(cases)


def test_pools_of_everything() -> None:
    """One number of every channel."""
    rng = np.random.default_rng(3)
    values = [numbers(rng, (2, 3, *shape(rng, 1, 2)), False) for _ in range(6)]
    check([Case(op, [value]) for value in values for op in ("GlobalAveragePool", "GlobalMaxPool")])


def test_resize() -> None:
    """Nearest numbers by every rounding, larger and smaller, by scales and by sizes."""
    rng = np.random.default_rng(4)
    cases = []
    for mode in ("asymmetric", "half_pixel"):
        for rounding in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"):
            for scale in (2.0, 3.0, 0.5):
                given = {"mode": "nearest", "coordinate_transformation_mode": mode, "nearest_mode": rounding}
                scales = np.array([1, 1, scale], np.float32)
                cases.append(Case("Resize", [numbers(rng, (1, 2, 6), False), None, scales], given, fixed={2}))
                sizes = np.array([1, 2, int(6 * scale)])
                cases.append(Case("Resize", [numbers(rng, (1, 2, 6), False), None, None, sizes], given, fixed={3}))
    check(cases)


def test_resize_between_points() -> None:
    """Lines and cubic curves, larger and smaller, along one axis and two; what leaves out or filters is refused."""
    rng = np.random.default_rng(5)
    cases = []
    for mode in ("linear", "cubic"):
        for places in ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"):
            for sizes in ([1, 2, 6, 9], [1, 2, 11, 3], [1, 2, 1, 5]):
                given = {"mode": mode, "coordinate_transformation_mode": places}
                picture = numbers(rng, (1, 2, 6, 5), False)
                cases.append(Case("Resize", [picture, None, None, np.array(sizes)], given, fixed={3}))
    check(cases)
    whole, scales = np.ones((1, 1, 6, 6), np.float32), np.array([1, 1, 1, 0.5], np.float32)
    refused(Case("Resize", [whole, None, scales], {"mode": "linear", "antialias": 1}, fixed={2}), "antialias = 1")
    cut = {"mode": "cubic", "exclude_outside": 1}
    refused(Case("Resize", [whole, None, scales], cut, fixed={2}), "exclude_outside = 1")


def test_running_sums() -> None:
    """Along every axis, exclusive and reverse, of floats and whole numbers."""
    rng = np.random.default_rng(5)
    cases = []
    for k in range(24):
        whole = shape(rng)
        values = numbers(rng, whole, False) if k % 3 else rng.integers(-4, 5, whole)
        axis = np.array(rng.integers(-len(whole), len(whole)))
        cases.append(Case("CumSum", [values, axis], {"exclusive": k // 2 % 2, "reverse": k % 2}, fixed={1}))
    check(cases)
