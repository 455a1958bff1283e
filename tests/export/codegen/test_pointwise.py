"""Operators that compute every number by itself, beyond sums, products and the common activations."""

from __future__ import annotations

import numpy as np
import pytest
from one_node import Case, check, numbers, shape
from refusals import refused

ANYWHERE = "Ceil Round Sign IsNaN IsInf Cos Tan Atan Asinh Softsign Mish Selu Celu Shrink ThresholdedRelu".split()
WITHIN = {"Asin": (-1, 1), "Acos": (-1, 1), "Atanh": (-1, 1), "Acosh": (1, 50), "Sinh": (-80, 80), "Cosh": (-80, 80)}
EVERYWHERE = (
    "Neg Abs Reciprocal Sqrt Exp Log Erf Sigmoid Tanh Relu Softplus Floor Sin Elu LeakyRelu HardSigmoid HardSwish Gelu"
).split()
PARAMETERS = {
    "Celu": {"alpha": 0.7},
    "Selu": {"alpha": 1.5, "gamma": 0.9},
    "Shrink": {"lambd": 0.4, "bias": 0.1},
    "ThresholdedRelu": {"alpha": 0.3},
    "IsInf": {"detect_negative": 0},
}


def test_one_number() -> None:
    """Every operator of one float is onnxruntime's on random shapes, with its attributes and without."""
    check([case for op in ANYWHERE for case in _numbers(op)])


def _numbers(op: str) -> list[Case]:
    rng = np.random.default_rng(1)
    special = op not in ("Mish",)
    cases = [Case(op, [numbers(rng, shape(rng), special=special and k % 2 == 0)]) for k in range(4)]
    cases += [Case(op, [numbers(rng, shape(rng), special=False)], PARAMETERS[op])] if op in PARAMETERS else []
    cases += [Case(op, [np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 8388609, -8388607.5], np.float32)])]
    return cases


@pytest.mark.parametrize("op", WITHIN)
def test_one_number_of_an_interval(op: str) -> None:
    """At its ends, near zero, and beyond, where the result is NaN or infinite."""
    rng = np.random.default_rng(2)
    low, high = WITHIN[op]
    inside = rng.uniform(low, high, 50).astype(np.float32)
    small = np.array([1e-3, -1e-3, 1e-6, 0.0], np.float32) + (1 if op == "Acosh" else 0)
    ends = np.array([low, high, np.nan], np.float32)
    check([Case(op, [inside]), Case(op, [small]), Case(op, [ends])])
    if op in ("Asin", "Acos", "Atanh", "Acosh"):
        check([Case(op, [np.array([-3.0, -1.5, 0.5 if op == "Acosh" else 2.0], np.float32)])])


def test_every_magnitude_and_sign() -> None:
    """From denormal numbers to infinity, far outside an interval too: NaN where onnxruntime has it, nowhere else."""
    sizes = [0, 1e-45, 1e-38, 1e-30, 1e-10, 1e-5, 0.3, 1 - 6e-8, 1, 1 + 1.2e-7, 2, 10, 50, 88, 89, 100, 1e3, 1e5, 1e7]
    sizes += [1e10, 1e20, 3e38, np.inf]
    given = np.array([*sizes, *(-size for size in sizes), np.nan], np.float32)
    # onnxruntime divides by 1 + 3e38 as it multiplies by a denormal, which a stream of an earlier test flushes to 0.
    tame = given[~(np.isfinite(given) & (np.abs(given) > 8e37))]
    check([Case(op, [tame if op == "Softsign" else given]) for op in (*ANYWHERE, *WITHIN, *EVERYWHERE)])


def test_sums_and_means_of_many() -> None:
    """One to four broadcast operands."""
    rng = np.random.default_rng(3)
    check([Case(op, [numbers(rng, (3, 4), special=False), *[numbers(rng, (4,), special=False)] * k])
           for op in ("Sum", "Mean") for k in range(4)])  # fmt: skip


def test_bits_and_signs_of_whole_numbers() -> None:
    """And, or, exclusive or, not, and the sign."""
    rng = np.random.default_rng(4)
    given = [rng.integers(-9, 9, (3, 5)) for _ in range(2)]
    cases = [Case(op, given) for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")]
    check([*cases, Case("BitwiseNot", given[:1]), Case("Sign", given[:1])])


def test_dropout_passes_numbers_on() -> None:
    """Its mask is refused."""
    x = np.ones((2, 3), np.float32)
    check([Case("Dropout", [x]), Case("Dropout", [x, np.array(0.5, np.float32)], fixed={1})])
    refused(Case("Dropout", [x], outputs=2), "the mask as an output")


def test_normalizations_and_log_sum_exp() -> None:
    """Along random axes; zeros stay zeros, and nothing overflows."""
    rng = np.random.default_rng(5)
    cases = []
    for k in range(6):
        values = numbers(rng, (3, 4, 5, 2), special=False)
        values[0] = 0
        cases.append(Case("LpNormalization", [values], {"axis": k % 4 - 2, "p": 1 + k % 2}, opset=22 if k % 3 else 20))
        axes = np.array([[0], [1, 2], [-1]][k % 3])
        cases.append(Case("ReduceLogSumExp", [values * 50, axes], {"keepdims": k % 2}, fixed={1}))
    check(cases)
