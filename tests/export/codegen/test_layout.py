"""Operators that only move numbers."""

from __future__ import annotations

import numpy as np
from one_node import COUNT, Case, check, numbers, shape
from refusals import refused


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_slices() -> None:
    """Any bounds, beyond the ends too, and steps of both signs."""
    rng = np.random.default_rng(1)
    cases = []
    while len(cases) < COUNT:
        values = numbers(rng, shape(rng, 1, 3))
        axis = int(rng.integers(-values.ndim, values.ndim))
        start, end = (int(n) for n in rng.integers(-9, 10, 2))
        step = int(rng.choice([-3, -2, -1, 1, 2, 3]))
        case = Case("Slice", [values, _ints(start), _ints(end), _ints(axis), _ints(step)], fixed={1, 2, 3, 4})
        if case.expected()[0].size:
            cases.append(case)
    check(cases)


def test_shapes() -> None:
    """Reshape with kept and computed lengths, transposed, squeezed, flattened, expanded and tiled."""
    rng = np.random.default_rng(2)
    cases = []
    for _ in range(COUNT // 4):
        values = numbers(rng, shape(rng, 2, 4))
        order = rng.permutation(values.ndim).tolist()
        cases += [
            Case("Transpose", [values], {"perm": order}),
            Case("Transpose", [values]),
            Case("Reshape", [values, _ints(0, -1)], fixed={1}),
            Case("Flatten", [values], {"axis": int(rng.integers(0, values.ndim + 1))}),
            Case("Unsqueeze", [values, _ints(0, -1)], fixed={1}),
            Case("Squeeze", [values[None], _ints(0)], fixed={1}),
            Case("Expand", [values[:1], _ints(3, *values.shape[1:])], fixed={1}),
            Case("Tile", [values, rng.integers(1, 4, values.ndim)], fixed={1}),
            Case("Identity", [values]),
        ]
    check(cases)


def test_split_and_concat() -> None:
    """Equal and given lengths; parts of different lengths and axes."""
    rng = np.random.default_rng(3)
    cases = []
    for _ in range(COUNT // 4):
        values = numbers(rng, (7, *shape(rng, 1, 2)))
        cases.append(Case("Split", [values], {"num_outputs": 3}, outputs=3))
        cases.append(Case("Split", [values, _ints(2, 1, 4)], fixed={1}, outputs=3))
        axis = int(rng.integers(-values.ndim, values.ndim))
        parts = [np.take(values, range(int(rng.integers(1, values.shape[axis] + 1))), axis) for _ in range(3)]
        cases.append(Case("Concat", parts, {"axis": axis}))
    check(cases)


def test_gather() -> None:
    """By constant and by computed places of any shape and sign, and rows of a constant table by computed ones."""
    rng = np.random.default_rng(4)
    cases = []
    for _ in range(COUNT // 3):
        values = numbers(rng, shape(rng, 1, 3))
        axis = int(rng.integers(-values.ndim, values.ndim))
        length = values.shape[axis]
        places = rng.integers(-length, length, shape(rng, 1, 2))
        cases.append(Case("Gather", [values, places], {"axis": axis}, fixed={1}))
        cases.append(Case("Gather", [values, places], {"axis": axis}))
        for others in (values > 0, rng.integers(-9, 9, values.shape)):
            cases += [Case("Gather", [others, places], {"axis": axis}, fixed) for fixed in (set(), {0})]
        table = numbers(rng, (6, *shape(rng, 1, 2)), False)
        for dtype in (np.int64, np.int32):
            cases.append(Case("Gather", [table, rng.integers(-6, 6, (2, 3)).astype(dtype)], fixed={0}))
    check(cases)


def test_pads() -> None:
    """Zeros, edges and reflections around any axes."""
    rng = np.random.default_rng(5)
    cases = []
    for k in range(COUNT // 2):
        values = numbers(rng, [int(n) for n in rng.integers(4, 7, 2)], False)
        amounts = rng.integers(0, 3, 4)
        mode = ("constant", "edge", "reflect")[k % 3]
        cases.append(Case("Pad", [values, amounts], {"mode": mode}, fixed={1}))
        cases.append(Case("Pad", [values, amounts[:2], None, _ints(1)], {"mode": mode}, fixed={1, 3}))
    check(cases)


def test_triangles() -> None:
    """Upper and lower ones of matrices of any sides, from any diagonal, beyond the corners too; NaN outside is gone."""
    rng = np.random.default_rng(6)
    cases = []
    for k in range(COUNT):
        size = tuple(int(n) for n in rng.integers(1, 6, rng.integers(2, 5)))
        values = rng.integers(-9, 10, size) if k % 4 == 0 else numbers(rng, size)
        upper = {"upper": int(rng.integers(2))} if k % 3 else {}
        cases.append(Case("Trilu", [values, np.array(rng.integers(-7, 8))], upper, fixed={1}))
        cases.append(Case("Trilu", [values > 0], upper))
    cases.append(Case("Trilu", [values, np.array(2**62)], fixed={1}))
    check(cases, tolerance=0)


def test_what_cannot_be_moved_is_refused() -> None:
    """Bounds and places that are computed; pads of another value."""
    values = np.ones((4, 3), np.float32)
    refused(Case("Slice", [values, _ints(0), _ints(2)]), "is computed: expected a constant")
    refused(Case("Pad", [values, _ints(1, 1, 1, 1), np.float32(2)], fixed={1, 2}), "value 2.0: expected 0")
    refused(Case("Trilu", [values, np.array(0)]), "diagonal 'x1' is computed: expected a constant")
