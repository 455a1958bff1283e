"""Operators that compute every number by itself."""

from __future__ import annotations

import numpy as np
from one_node import COUNT, Array, Case, check, numbers, shape
from onnx import TensorProto

FLOATS = "Neg Abs Reciprocal Sqrt Exp Log Erf Sigmoid Tanh Relu Softplus Floor Identity Sin".split()
PAIRS = "Add Sub Mul Div Min Max".split()
COMPARED = "Equal Less LessOrEqual Greater GreaterOrEqual".split()
PARAMETERS = {
    "LeakyRelu": {"alpha": 0.3},
    "Elu": {"alpha": 1.5},
    "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
    "Gelu": {"approximate": "tanh"},
    "HardSwish": {},
}


def broadcast_to(rng: np.random.Generator, whole: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to `whole`: leading axes dropped, others of length 1."""
    kept = whole[rng.integers(0, len(whole) + 1) :]
    return tuple(1 if rng.random() < 0.3 else n for n in kept)


def test_one_number() -> None:
    """Every operator of one float is onnxruntime's on random shapes, for special values too."""
    cases = []
    for op in FLOATS:
        rng = np.random.default_rng(1)
        cases += [Case(op, [numbers(rng, shape(rng), special=k % 2 == 0)]) for k in range(6)]
    check(cases)


def test_two_numbers() -> None:
    """Broadcast floats, one of them constant at times; NaN is passed on by Min and Max as well."""
    check([case for op in PAIRS for case in _pairs(op)])


def _pairs(op: str) -> list[Case]:
    rng = np.random.default_rng(2)
    cases = []
    for k in range(10):
        whole = shape(rng)
        given = [numbers(rng, whole), numbers(rng, broadcast_to(rng, whole))][:: 1 if k % 3 else -1]
        cases.append(Case(op, given, fixed={1} if k % 4 == 0 else set()))
    return cases


def test_more_than_two_numbers() -> None:
    """Min and Max of one to four operands."""
    rng = np.random.default_rng(3)
    cases = []
    for k in range(8):
        whole = shape(rng)
        given = [numbers(rng, whole), *(numbers(rng, broadcast_to(rng, whole)) for _ in range(k % 4))]
        cases.append(Case("Min" if k % 2 else "Max", given))
    check(cases)


def whole_numbers(rng: np.random.Generator, form: tuple[int, ...], dtype: type = np.int64) -> Array:
    """From -5 to 5."""
    return rng.integers(-5, 6, form).astype(dtype)


def test_whole_numbers() -> None:
    """int64 and int32 are computed exactly; comparisons and logic give truth values."""
    rng = np.random.default_rng(4)
    cases = []
    for op in (
        "Add",
        "Sub",
        "Mul",
        "Min",
        "Max",
        "Neg",
        "Abs",
        "Equal",
        "Less",
        "Greater",
    ):
        for dtype in (np.int64, np.int32):
            whole = shape(rng)
            pair = [whole_numbers(rng, whole, dtype), whole_numbers(rng, broadcast_to(rng, whole), dtype)]
            cases.append(Case(op, pair[:1] if op in ("Neg", "Abs") else pair))
    for op in COMPARED:
        whole = shape(rng)
        cases.append(Case(op, [np.round(numbers(rng, whole)), np.round(numbers(rng, broadcast_to(rng, whole)))]))
        cases.append(Case(op, [whole_numbers(rng, whole), whole_numbers(rng, broadcast_to(rng, whole))]))
    for op in ("And", "Or", "Xor"):
        whole = shape(rng)
        cases.append(Case(op, [rng.random(whole) < 0.5, rng.random(broadcast_to(rng, whole)) < 0.5]))
    cases.append(Case("Not", [rng.random(5) < 0.5]))
    check(cases)


def test_where() -> None:
    """Each operand broadcasts."""
    rng = np.random.default_rng(5)
    cases = []
    for _ in range(12):
        whole = shape(rng)
        condition, one, other = (broadcast_to(rng, whole) for _ in range(3))
        cases.append(Case("Where", [rng.random(condition) < 0.5, numbers(rng, one), numbers(rng, other)]))
        cases.append(Case("Where", [rng.random(condition) < 0.5, whole_numbers(rng, one), whole_numbers(rng, whole)]))
    check(cases)


def test_activations_with_parameters() -> None:
    """Defaults and given parameters."""
    rng = np.random.default_rng(6)
    cases = []
    for op, given in PARAMETERS.items():
        cases += [Case(op, [numbers(rng, shape(rng), k > 0)], a) for k, a in enumerate(({}, given, given))]
    slopes = [((3, 4, 5), (4, 1)), ((2, 6), (6,)), ((2, 3, 2), (1,))]
    cases += [Case("PRelu", [numbers(rng, form), numbers(rng, slope)], fixed={1}) for form, slope in slopes]
    check(cases)


def test_clip() -> None:
    """Either bound may be missing or computed; where one is missing an infinity stays, as onnxruntime's does not."""
    rng = np.random.default_rng(7)
    bounds = [np.float32(v).reshape(()) for v in (-0.5, 0.7)]
    cases = [
        Case("Clip", [numbers(rng, shape(rng), False), low, high], fixed=fixed)
        for low in (None, bounds[0])
        for high in (None, bounds[1])
        for fixed in (set(), {k + 1 for k, b in enumerate((low, high)) if b is not None})
    ]
    cases.append(Case("Clip", [whole_numbers(rng, (9,)), np.array(-2), np.array(3)], fixed={1, 2}))
    check(cases)


def test_powers() -> None:
    """Some exponents need no logarithm; others may be computed, and as large as they are."""
    rng = np.random.default_rng(8)
    exponents = (2.0, 0.5, 1.0, 3.0, -1.0, 0.3, 1 / 3, 1.5, -0.5, -2.0, 4.0, 5.0, 0.0, 17.0, -np.inf, np.inf, np.nan)
    cases = [
        Case("Pow", [np.abs(numbers(rng, shape(rng), False)), np.float32(p).reshape(())], fixed={1}) for p in exponents
    ]
    special = np.array([-np.inf, -3.0, -0.0, 0.0, 1e-30, 4.0, 1e30, np.inf, np.nan], np.float32)
    cases += [Case("Pow", [special, np.float32(p).reshape(())], fixed={1}) for p in exponents]
    cases += [Case("Pow", [special[:, None], np.float32(exponents)], fixed=fixed) for fixed in (set(), {1})]
    base = (10.0 ** rng.uniform(-37, 37, (40, 1))).astype(np.float32)
    cases.append(Case("Pow", [base, rng.uniform(-1, 1, 30).astype(np.float32)]))
    cases.append(Case("Pow", [np.abs(numbers(rng, (3, 5), False)), np.array([[1, 2, 3]]).T], fixed={1}))
    # Sizes of every power of two, down to the smallest numbers.
    check([*cases, Case("Pow", [np.float32([2.0, 1.0000001]), np.linspace(-150, 128, 500, dtype=np.float32)[:, None]])])


def test_remainders() -> None:
    """Exact, however often the divisor goes into the dividend, and with the sign of the dividend."""
    rng = np.random.default_rng(15)
    cases = []
    for k in range(6):
        whole = shape(rng)
        size = 10.0 ** rng.uniform(-30, 37, whole)
        given = [(numbers(rng, whole, k % 2 == 0) * size).astype(np.float32), numbers(rng, broadcast_to(rng, whole))]
        cases.append(Case("Mod", given, {"fmod": 1}, fixed={1} if k % 3 == 0 else set()))
    values = [0, 1, -1, 2.5, -2.5, 0.1, 1e-30, -3e-38, 1.5e-38, 1e10, -1e30, 3e38, 16777217, np.inf, -np.inf, np.nan]
    every = np.array(values, np.float32)
    check([*cases, Case("Mod", [every[:, None], every[None]], {"fmod": 1})])


def test_quotients_of_whole_numbers() -> None:
    """Towards 0; remainders with the sign of the divisor, or with `fmod` of the dividend."""
    rng = np.random.default_rng(16)
    cases = []
    for dtype in (np.int64, np.int32):
        above = rng.integers(-1000, 1000, (40, 1)).astype(dtype)
        below = rng.choice([-700, -7, -3, -1, 1, 2, 5, 999], (1, 9)).astype(dtype)
        cases += [Case("Div", [above, below]), Case("Mod", [above, below]), Case("Mod", [above, below], {"fmod": 1})]
        cases += [Case("Div", [above, below], fixed={1}), Case("Mod", [above, below], fixed={1})]
    check(cases)


def test_whole_numbers_wrap_around_in_their_own_bits() -> None:
    """Of 32 bits, as those of 64."""
    large = np.array([2**31 - 1, -(2**31), 2**30, -7, 3], np.int32)
    pair = [large[:, None], large[None]]
    check([Case(op, pair) for op in ("Add", "Sub", "Mul")] + [Case(op, [large]) for op in ("Neg", "Abs", "BitwiseNot")])


def test_casts() -> None:
    """Between float32, whole numbers and truth values."""
    rng = np.random.default_rng(9)
    values = [rng.uniform(-100, 100, (3, 5)).astype(np.float32), whole_numbers(rng, (7,)), rng.random(4) < 0.5]
    values.append(whole_numbers(rng, (3,), np.int32))
    targets = (TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL)
    check([Case("Cast", [value], {"to": to}) for value in values for to in targets])


def test_draws() -> None:
    """Many small draws over all operators, with vectors of every width."""
    rng = np.random.default_rng(10)
    for lanes in (4, 8, 16):
        cases = []
        for _ in range(COUNT // 3):
            op = str(rng.choice([*FLOATS, *PAIRS, *COMPARED]))
            whole = shape(rng, 0)
            pair = [numbers(rng, whole), numbers(rng, broadcast_to(rng, whole))]
            cases.append(Case(op, pair[:1] if op in FLOATS else pair))
        check(cases, lanes)
