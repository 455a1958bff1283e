"""Products with int8 and int4 weights, by the processor's integer instructions and without them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import ml_dtypes
import numpy as np
import onnx
import pytest
from one_node import COUNT, Case, check, compiled, library, run
from onnx import helper
from refusals import refused

from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen.lower._qgemm import kind_of

MICROSOFT = "com.microsoft"
# Whatever this machine has, and plain C.
EVERY = pytest.mark.parametrize("flags", [["-march=native"], ["-DNARROW_SCALAR"]], ids=["vectors", "scalar"])


@dataclass(frozen=True, eq=False)
class Rounded(Case):
    """MatMulIntegerToFloat of inputs [x float32, weights, scale of x, scale of weights, zero of x, zero, bias]."""

    @cached_property
    def model(self) -> onnx.ModelProto:
        """QuantizeLinear and the product."""
        model = super().model
        first = helper.make_node("QuantizeLinear", ["x0", "x2", "x4"], ["rounded"])
        model.graph.node[0].input[0] = "rounded"
        model.graph.node.insert(0, first)
        return model


def _rounded(rng: np.random.Generator, levels: int) -> Rounded:
    rows, depth, columns = (int(n) for n in rng.integers(1, (6, 40, 80)))
    weights = rng.integers(-levels, levels + 1, (depth, columns)).clip(-128, 127).astype(np.int8)
    scales = rng.random(columns if rng.random() < 0.5 else ()).astype(np.float32) * np.float32(0.01)
    zero = np.uint8(rng.choice([0, 128, 255, 100]))
    bias = rng.standard_normal(columns).astype(np.float32) if rng.random() < 0.5 else None
    x = (rng.standard_normal((rows, depth)) * 2).astype(np.float32)
    inputs = [x, weights, np.float32(2 / 255), scales, zero, np.zeros(scales.shape, np.int8), bias]
    given = [None if one is None else np.asarray(one) for one in inputs]
    return Rounded("MatMulIntegerToFloat", given, fixed=set(range(1, 7)), domain=MICROSOFT)


@EVERY
def test_integer_products(flags: list[str]) -> None:
    """uint8 times weights of 63 levels gives what onnxruntime gives, for all rows, depths and widths."""
    rng = np.random.default_rng(1)
    check([_rounded(rng, 63) for _ in range(COUNT)], flags=flags)


@EVERY
@pytest.mark.parametrize("levels", [127, 128])
def test_sums_of_more_levels_do_not_saturate(levels: int, flags: list[str]) -> None:
    """Weights of all of int8 are exact too, where onnxruntime saturates on x86 without VNNI."""
    rng = np.random.default_rng(levels)
    cases = []
    for _ in range(COUNT // 4):
        case = _rounded(rng, levels)
        case.inputs[1].flat[0] = -levels  # type: ignore[union-attr]
        cases.append(Exact(case.op, case.inputs, fixed=case.fixed, domain=MICROSOFT))
    check(cases, flags=flags)


class Exact(Rounded):
    """The same, compared with the product in double precision."""

    def expected(self) -> list[np.ndarray]:
        """By numpy."""
        x, weights, step, scales, zero, _, bias = (None if one is None else one.astype(float) for one in self.inputs)
        assert x is not None and weights is not None and scales is not None
        rounded = np.clip(np.rint(x.astype(np.float32) / np.float32(step)) + zero, 0, 255) - zero
        return [(rounded @ weights * scales * step + (0 if bias is None else bias)).astype(np.float32)]


def test_the_kernel_is_chosen_by_the_weights() -> None:
    """Sums of two products stay within 16 bits up to 63 levels, and where large weights have small neighbours."""
    assert kind_of(np.full((5, 2), 63, np.int8)) == "SMALL"
    assert kind_of(np.array([[127], [1]], np.int8)) == "SMALL"
    assert kind_of(np.array([[64], [65]], np.int8)) == "GENERAL"
    assert kind_of(np.array([[64], [-65]], np.int8)) == "SMALL"
    assert kind_of(np.array([[-128], [-1]], np.int8)) == "ANY"


@EVERY
@pytest.mark.parametrize("bits", [4, 8])
def test_products_in_blocks(bits: int, flags: list[str]) -> None:
    """Rows that find their own scales, block by block, against weights of 4 and 8 bits."""
    rng = np.random.default_rng(bits)
    check([_blocks(rng, bits) for _ in range(COUNT // 2)], flags=flags)


def _blocks(rng: np.random.Generator, bits: int) -> Case:
    rows, depth, columns = (int(n) for n in rng.integers(1, (6, 300, 80)))
    block = int(rng.choice([16, 32, 64, 128]))
    count = -(-depth // block)
    weights = rng.integers(1, 256 if bits == 8 else 16, (columns, count, block)).astype(np.uint8)
    if bits == 4:
        weights = weights[..., 0::2] | weights[..., 1::2] << 4
    scales = (rng.random(columns * count) * 0.01).astype(np.float32)
    bias = rng.standard_normal(columns).astype(np.float32) if rng.random() < 0.5 else None
    x = rng.standard_normal((rows, depth)).astype(np.float32)
    x[0, : depth // 2] = 0
    inputs = [x, weights, scales, None, None, bias]
    given = {"K": depth, "N": columns, "bits": bits, "block_size": block, "accuracy_level": 4}
    return Case("MatMulNBits", inputs, given, fixed={1, 2, 5}, domain=MICROSOFT)


@EVERY
@pytest.mark.parametrize("bits", [4, 8])
def test_blocks_of_numbers_that_are_not_finite(bits: int, flags: list[str]) -> None:
    """NaN counts as 0, a block with an infinity has no product, and numbers without an inverse are 0.

    In onnxruntime NaN becomes 0 too, but may hide the largest number of its block, by its place in a vector.
    """
    rng = np.random.default_rng(bits)
    cases = []
    for _ in range(COUNT // 6):
        case = _blocks(rng, bits)
        x = case.inputs[0]
        assert x is not None
        for row, values in enumerate([[np.nan], [np.inf], [-np.inf], [np.nan, np.inf], [1e-39, -3e-39], [1e-40]]):
            if row < len(x):
                x[row] = x[row] if row < 4 else 0
                x[row, rng.integers(0, x.shape[1], len(values))] = values
        cases.append(Counted(case.op, case.inputs, case.attributes, case.fixed, domain=MICROSOFT))
    check(cases, flags=flags)


class Counted(Case):
    """The same with 0 in place of NaN."""

    def expected(self) -> list[np.ndarray]:
        """By onnxruntime."""
        x, *others = self.inputs
        assert x is not None
        inputs = [np.where(np.isnan(x), np.float32(0), x), *others]
        return Case(self.op, inputs, self.attributes, self.fixed, domain=self.domain).expected()


@EVERY
def test_single_numbers_that_are_not_finite(flags: list[str]) -> None:
    """To uint8, as onnxruntime rounds them."""
    x = np.array([[np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-40, 0.0, 1.0]], np.float32)
    cases = []
    for zero in (0, 100, 128, 255):
        inputs = [x, np.eye(8, dtype=np.int8), np.float32(0.02), np.float32(1), np.uint8(zero), np.int8(0)]
        cases.append(Rounded("MatMulIntegerToFloat", [np.asarray(i) for i in inputs], fixed=set(range(1, 6)),
                             domain=MICROSOFT))  # fmt: skip
    check(cases, flags=flags)


def test_what_is_refused() -> None:
    """Other grids than the files of this project have, by name."""
    rng = np.random.default_rng(9)
    case = _blocks(rng, 4)
    given = {**case.attributes, "accuracy_level": 1}
    refused(Case(case.op, case.inputs, given, case.fixed, domain=MICROSOFT), "accuracy_level = 1")
    case = _blocks(rng, 8)
    case.inputs[1].flat[0] = 0  # type: ignore[union-attr]
    refused(case, "a weight of -128")


@dataclass(frozen=True, eq=False)
class Widened(Case):
    """A product of inputs [x, int8 weights, scale of every column] in float32."""

    @cached_property
    def model(self) -> onnx.ModelProto:
        """Cast, Mul and MatMul."""
        model = super().model
        del model.graph.node[:]
        model.graph.node.extend(
            [
                helper.make_node("Cast", ["x1"], ["cast"], to=1),
                helper.make_node("Mul", ["cast", "x2"], ["wide"]),
                helper.make_node("MatMul", ["x0", "wide"], ["y0"]),
            ]
        )
        return model


@EVERY
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_weights_that_are_int8_in_the_file_stay_so(lanes: int, flags: list[str]) -> None:
    """They are widened while they are used, and are a quarter of the bytes."""
    rng = np.random.default_rng(lanes)
    cases = []
    for rows, depth, columns in ((1, 101, 190), (7, 301, 77), (2, 64, 256)):
        weights = rng.integers(-127, 128, (depth, columns)).astype(np.int8)
        scale = rng.random((1, columns)).astype(np.float32)
        x = rng.standard_normal((rows, depth)).astype(np.float32)
        cases.append(Widened("MatMul", [x, weights, scale], fixed={1, 2}))
    check(cases, lanes, flags=[*flags, *(["-mno-avx512f"] if "-march=native" in flags and lanes < 16 else [])])
    weights_of = Weights()
    compiled(cases[-1], cases[-1].expected(), weights_of, lanes)
    assert weights_of.all_bytes().nbytes == 64 * 256 and weights_of.all_floats().nbytes < 4096


@pytest.mark.parametrize("flags", [[], ["-DNO_VECTORS"]], ids=["vectors", "plain"])
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_weights_that_bfloat16_holds_take_16_bits(lanes: int, flags: list[str]) -> None:
    """No number changes; one weight of more digits keeps the matrix in float32."""
    rng = np.random.default_rng(lanes)
    wide = rng.standard_normal((37, 50)).astype(np.float32)
    weights = wide.astype(ml_dtypes.bfloat16).astype(np.float32)
    weights[0, :4] = [np.float32(1e-40), -3e38, 0.0, -0.0]
    weights[0, :2] = weights[0, :2].astype(ml_dtypes.bfloat16)
    case = Case("MatMul", [np.eye(37, dtype=np.float32), weights], fixed={1})
    kept = Weights(compact=True)
    one = compiled(case, case.expected(), kept, lanes)
    found = run(library({"one": one}, kept, lanes, flags=flags), "one", one, case.given)[0]
    np.testing.assert_array_equal(found, weights)
    columns = -(-50 // (2 * lanes)) * 2 * lanes
    assert 0 <= kept.all_bytes().nbytes - 2 * 37 * columns < 64
    weights[36, 49] = 1 + 2**-20
    whole = Weights(compact=True)
    compiled(Case("MatMul", [np.eye(37, dtype=np.float32), weights], fixed={1}), [weights], whole, lanes)
    assert not whole.all_bytes().size
