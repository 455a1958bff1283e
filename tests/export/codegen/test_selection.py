"""Numbers that are chosen by computed places, and places that are chosen by numbers."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from one_node import COUNT, Case, aligned, check, compiled, library, numbers, shape
from refusals import refused

from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_runtime.errors import ModelRefused


def _floats(*size: int) -> np.ndarray:
    return np.ones(size, np.float32)


def test_every_number_by_its_own_place() -> None:
    """Of any sign and both whole types, computed and constant; any number of places along the axis, fewer elsewhere."""
    rng = np.random.default_rng(0)
    cases = []
    for k in range(COUNT):
        values = numbers(rng, shape(rng, 1, 4))
        values = (values, values > 0, rng.integers(-9, 9, values.shape), values)[k % 4]
        axis = int(rng.integers(-values.ndim, values.ndim))
        length = values.shape[axis]
        size = [int(rng.integers(1, 9 if at == axis % values.ndim else n + 1)) for at, n in enumerate(values.shape)]
        places = rng.integers(-length, length, size).astype((np.int64, np.int32)[k // 4 % 2])
        cases += [Case("GatherElements", [values, places], {"axis": axis}, fixed) for fixed in (set(), {0}, {1})]
    cases.append(Case("GatherElements", [np.float32([[1, 2], [3, 4]]), np.array([[1, 0]])]))
    check(cases, tolerance=0)


@pytest.mark.parametrize(("places", "wrong"), [([-3, 2, 0, -1], False), ([0, 3, 0, 0], True), ([0, 0, 0, -4], True)])
def test_a_place_that_is_none_refuses_the_step(places: list[int], wrong: bool) -> None:
    """One too far from the end, or from the beginning; the nearest one is taken. The extremes of int64 as well."""
    for extreme in (places, [2**63 - 1 if n == 3 else -(2**63) if n == -4 else n for n in places]):
        values, given = np.float32([[5, 6, 7]]), np.array([extreme])
        case = Case("GatherElements", [values, np.array([places]) % 3], {"axis": 1})
        weights = Weights()
        built = library({"one": compiled(case, case.expected(), weights)}, weights, 8)
        built.one_bytes.restype = ctypes.c_size_t
        stream, found = aligned(built.one_bytes()), np.zeros((1, 4), np.float32)
        built.one_init(ctypes.c_void_p(stream.ctypes.data))
        built.one_step(*(ctypes.c_void_p(array.ctypes.data) for array in (stream, values, given, found)))
        assert built.one_refused(ctypes.c_void_p(stream.ctypes.data)) == wrong
        np.testing.assert_array_equal(
            found[0], values[0][np.clip(np.where(given[0] < 0, given[0] + 3, given[0]), 0, 2)]
        )


def test_a_constant_place_that_is_none_is_refused() -> None:
    """While the code is written."""
    right, wrong = (
        Case("GatherElements", [np.ones((2, 3), np.float32), np.array([[n, 0]])], {"axis": 1}, {1}) for n in (2, 3)
    )
    compiled(right, right.expected(), Weights())
    with pytest.raises(ModelRefused, match=r"GatherElements 'node': expected places of -3 to 2, found 0 to 3"):
        compiled(wrong, right.expected(), Weights())


@pytest.mark.parametrize("op", ["Gather", "GatherElements"])
def test_places_that_can_be_none_are_refused(op: str) -> None:
    """Of an axis without a number, which no place is nearest to, and places that are floats."""
    for fixed in (set(), {0}):
        for values, places in ((_floats(0, 3), np.zeros((1, 3), np.int64)), (_floats(2, 3), _floats(1, 3))):
            expected = _floats(1, 3, 3) if op == "Gather" else _floats(1, 3)
            with pytest.raises(ModelRefused, match=rf"{op} 'node': .*: expected "):
                compiled(Case(op, [values, places], fixed=fixed), [expected], Weights())


def test_the_largest_in_order() -> None:
    """Few of them and all, the smallest too; equal ones, both zeros, infinities, NaN; whole numbers of both types."""
    rng = np.random.default_rng(1)
    cases = []
    for k in range(COUNT):
        size = shape(rng, 1, 3, 40)
        axis = int(rng.integers(-len(size), len(size)))
        special = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-40, 2, 2.5, -3, 7], np.float32)
        values = [
            numbers(rng, size, special=False),
            rng.choice(special, size),
            rng.choice([-(2**63), 2**63 - 1, 0, 1, -1], size),
            rng.integers(-3, 4, size).astype(np.int32),
        ][k % 4]
        options = {"axis": axis, "largest": k // 4 % 2}
        for count in {1, int(rng.integers(1, size[axis] + 1)), size[axis]}:
            cases.append(Case("TopK", [values, np.array([count])], options, {1}, outputs=2))
        cases.append(Case("TopK", [values, np.array([1])], {}, {1}, outputs=2))
    check(cases, tolerance=0)


def test_what_is_not_chosen_is_refused() -> None:
    """A number of them that is computed, and an order that nobody names."""
    values = np.ones((2, 3), np.float32)
    refused(Case("TopK", [values, np.array([2])], {"sorted": 0}, {1}, outputs=2), "sorted = 0: expected 1")
    refused(Case("TopK", [values, np.array([2])], outputs=2), "'x1' is computed: expected a constant")


def test_numbers_are_put_and_added_at_their_places() -> None:
    """At computed and constant ones, from the end too; the last of several stays, or all are added."""
    rng = np.random.default_rng(2)
    cases = []
    for k in range(COUNT):
        size = shape(rng, 1, 3, 9)
        axis = int(rng.integers(0, len(size)))
        some = (*size[:axis], int(rng.integers(1, 5)), *size[axis + 1 :])
        places = rng.integers(-size[axis], size[axis], some)
        whole = k % 4 == 3
        draw = (lambda form: rng.integers(-9, 9, form)) if whole else (lambda form: numbers(rng, form, special=False))
        options = {"axis": axis, "reduction": "add" if k % 2 else "none"}
        fixed = [set(), {0}, {1}, {2}][k % 4 if not whole else 0]
        cases.append(Case("ScatterElements", [draw(size), places, draw(some)], options, fixed))
    check(cases, tolerance=1e-6)
    values, places = np.ones((2, 3), np.float32), np.zeros((1, 3), np.int64)
    refused(Case("ScatterElements", [values, places, values[:1]], {"axis": 1}), "expected all of them along the other")
