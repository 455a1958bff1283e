"""Operators that fold axes, and those made of them: softmax and the normalizations."""

from __future__ import annotations

import numpy as np
import pytest
from one_node import COUNT, Array, Case, check, numbers, shape
from refusals import refused

OPERATORS = "Sum Mean SumSquare L1 L2 LogSum Prod Max Min".split()


def axes_of(rng: np.random.Generator, rank: int) -> Array:
    """Some axes, at times counted from the end."""
    chosen = rng.permutation(rank)[: rng.integers(1, rank + 1)]
    return np.array([axis - rank * (rng.random() < 0.5) for axis in chosen], np.int64)


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_reductions(lanes: int) -> None:
    """Any axes, kept or dropped, short and long rows; infinities propagate, and NaN where onnxruntime keeps it."""
    rng = np.random.default_rng(lanes)
    cases = []
    for k in range(COUNT // 2):
        op = OPERATORS[k % len(OPERATORS)]
        whole = shape(rng, 1, 3, 150) if k % 3 == 0 and op != "Prod" else shape(rng)
        whole = whole[:2] if int(np.prod(whole)) > 30000 else whole
        # onnxruntime's Max and Min lose NaN where it is not the first of a vector.
        values = numbers(rng, whole, special=False if op in ("Max", "Min") else None)
        values = np.abs(values) if op == "LogSum" else values
        given = [values, axes_of(rng, len(whole))] if k % 5 else [values]
        cases.append(Case(f"Reduce{op}", given, {"keepdims": k // 2 % 2}, fixed={1} & set(range(len(given)))))
    check(cases, lanes)


def test_reductions_of_whole_numbers() -> None:
    """int64 is folded exactly."""
    rng = np.random.default_rng(1)
    cases = [
        Case(f"Reduce{op}", [rng.integers(-4, 5, shape(rng)), axes_of(rng, 1)], {"keepdims": 0}, fixed={1})
        for op in ("Sum", "Prod", "Max", "Min")
        for _ in range(3)
    ]
    check(cases)
    refused(Case("ReduceSumSquare", [rng.integers(-4, 5, 4)]), "whole numbers")


def test_reductions_of_nothing() -> None:
    """No numbers add up to 0, and no axes leave everything as it is where that is asked for."""
    empty, none = np.zeros((2, 0), np.float32), np.zeros(0, np.int64)
    some = np.arange(6, dtype=np.float32).reshape(2, 3)
    cases = [Case("ReduceSum", [empty, np.array([1])], fixed={1}), Case("ReduceSum", [some, none], fixed={1})]
    cases.append(Case("ReduceSum", [some, none], {"noop_with_empty_axes": 1}, fixed={1}))
    check(cases)
    for operator in ("ReduceMean", "ReduceMax"):
        refused(Case(operator, [empty, np.array([1])], fixed={1}), "of no numbers")


def test_the_largest_number_is_nan_where_one_is() -> None:
    """In every place of the row; onnxruntime loses some, so the numbers are compared with numpy's."""
    from one_node import compiled, library, run

    from rnnedge_export.codegen._ir.weights import Weights

    values = np.tile(np.arange(40, dtype=np.float32), (40, 1))
    np.fill_diagonal(values, np.nan)
    for op in ("ReduceMax", "ReduceMin"):
        for axis in (0, 1):
            weights = Weights()
            case = Case(op, [values, np.array([axis])], {"keepdims": 0}, fixed={1})
            one = compiled(case, case.expected(), weights)
            actual = run(library({"one": one}, weights, 8), "one", one, case.given)[0]
            assert np.isnan(actual).all()


def test_softmax() -> None:
    """Along every axis, with large numbers and with masks of -infinity."""
    rng = np.random.default_rng(2)
    cases = []
    for k in range(COUNT // 2):
        values = numbers(rng, shape(rng, 1, 4, 9 if k % 2 else 40), special=False) * (100 if k % 5 == 0 else 1)
        if k % 3 == 0:
            values[rng.random(values.shape) < 0.5] = -np.inf
        axis = int(rng.integers(-values.ndim, values.ndim))
        cases.append(Case("Softmax" if k % 2 else "LogSoftmax", [values], {"axis": axis}))
    check(cases)


def test_normalizations() -> None:
    """Layer, instance, group and batch, of random shapes and epsilons."""
    rng = np.random.default_rng(3)
    cases = []
    for k in range(COUNT // 4):
        values = rng.standard_normal(shape(rng, 2, 4, 9 if k % 2 else 40)).astype(np.float32)[:9]
        axis = int(rng.integers(-values.ndim, values.ndim))
        rest = values.shape[axis:]
        factors = [numbers(rng, rest, False) for _ in range(1 + k % 2)]
        given = {"axis": axis, "epsilon": 10.0 ** -rng.integers(2, 7)}
        cases.append(Case("LayerNormalization", [values, *factors], given, fixed={1} if k % 3 else set()))
        deep = rng.standard_normal((2, 6, 3, *shape(rng, 1, 2, 9))).astype(np.float32)
        pair = [numbers(rng, (6,), False) for _ in range(2)]
        cases.append(Case("InstanceNormalization", [deep, *pair], {"epsilon": 1e-3}, fixed={1, 2}))
        groups = {"num_groups": int(rng.choice([1, 2, 3, 6]))}
        cases.append(Case("GroupNormalization", [deep, *pair], groups, opset=21, fixed={1, 2}))
        statistics = [*pair, pair[0], np.abs(pair[1])]
        cases.append(Case("BatchNormalization", [deep, *statistics], fixed={1, 2, 3, 4}))
    check(cases)


def test_refused_attributes() -> None:
    """What is not computed is refused: sums of computed axes, statistics as outputs, training."""
    some, ones = np.ones((2, 3), np.float32), np.ones(3, np.float32)
    refused(Case("ReduceSum", [some, np.array([1])]), "is computed")
    refused(Case("LayerNormalization", [some, ones], outputs=2), "first output")
    refused(Case("BatchNormalization", [some, ones, ones, ones, ones]), "statistics")
