"""Products in integers: x @ w with narrow weights, one row of x at a time.

| x                      | weights    | written as                                         |
|------------------------|------------|----------------------------------------------------|
| in a proven range      | int8       | QuantizeLinear, com.microsoft MatMulIntegerToFloat |
| in an observed range   | int8, many | the same                                           |
| anything               | int8, many | com.microsoft MatMulNBits of 8 bits                |
| anything               | int8, few  | a product in float32, its weights widened at load  |
| anything               | int4       | com.microsoft MatMulNBits of 4 bits                |

1. A row of x is rounded by itself, by a fixed scale or by scales of its own blocks. So the sequences of a batch and the
   frames of a call do not touch each other, which a scale over the whole tensor (DynamicQuantizeMatMul) makes them do.
2. int8 on both sides falls to a reference loop in onnxruntime 1.32, 40x slower; x is uint8.
3. A scale for each column costs a fifth of the time; it is taken where it at least halves the squared error.
4. Accuracy level 0 of MatMulNBits is 10x slower than level 4.
5. Below `_FEW` weights, rounding x costs what the narrow weights save, and raw features suffer from it most: on a
   fixed grid they took the error of a GRU of 128 units from 0.007 to 0.027.
6. onnxruntime multiplies x by the stored weights, which are all positive, and takes away what that is too much. For x
   from 1e37 on both are infinite, and the result is NaN where it should be finite. So x is clipped to `MOST` where
   nothing proves that it is less: no gate sees the difference.
7. What is added stays float32: a constant row inside the operator, anything else by an Add.

Sources: onnxruntime, ContribOperators.md; the figures: docs/precision.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import Array, GraphBuilder, replace
from rnnedge_export.precision.bounds import Range
from rnnedge_export.precision.grids import Narrow, per_block, per_column, per_tensor, squared_error
from rnnedge_export.precision.layers import Product
from rnnedge_export.precision.storage import WIDENED, widen_int8

DOMAIN = "com.microsoft"
_ZERO8, _ZERO4 = 128, 8
_FAST = 4
_FEW = 1 << 17
# A wider proven range than this leaves too few levels for ordinary values.
WIDEST = 8.0
_PAYS = 2.0
MOST = 1e30


class Ranges:
    """What is known of the left sides of products: proven by the graph, or observed while it ran, by name."""

    def __init__(self, proven: Mapping[ir.Value, Range], observed: Mapping[str, Range]) -> None:
        self._proven = {value: r for value, r in proven.items() if r[1] - r[0] <= WIDEST}
        self._small = {value for value, r in proven.items() if r[0] >= -MOST and r[1] <= MOST}
        self._by_name = dict(observed)

    def of(self, product: Product) -> Range | None:
        """The range that x of a product is rounded to; None where it is better rounded by itself, or not at all."""
        seen = self._by_name.get(str(product.x.name))
        if product.x in self._proven:
            return seen or self._proven[product.x]
        return seen if product.weight.size >= _FEW else None

    def small(self, product: Product) -> bool:
        """Whether x of a product is proven to lie within `MOST`."""
        return product.x in self._small

    def move(self, before: ir.Value, after: ir.Value) -> None:
        """`after` stands in the place of `before`."""
        if before.name in self._by_name:
            self._by_name[str(after.name)] = self._by_name[before.name]


def write_product(builder: GraphBuilder, product: Product, bits: int, ranges: Ranges) -> tuple[str, ir.Value]:
    """Put the integer product in the place of `product`; returns how it was written, and the value it gives."""
    builder.place = product.node.name or product.node.op_type
    range_ = ranges.of(product)
    if bits == 8 and range_ is not None:
        narrow = _whole(product.weight)
        value, how = (
            _by_range(builder, product, narrow, range_),
            "int8" if narrow.scale.ndim == 0 else "int8 per column",
        )
    elif bits == 8 and product.weight.size < _FEW:
        value, how = _widened(builder, product), WIDENED
    else:
        narrow = per_block(product.weight, bits)
        x = product.x if ranges.small(product) else _clipped(builder, product)
        value, how = _by_blocks(builder, product, x, narrow, bits), f"int{bits} blocks of {narrow.block}"
    if product.addend is not None:
        value = builder.op("Add", value, product.addend)
    replace(product.node, builder, [value])
    return how, value


def _whole(w: Array) -> Narrow:
    """One scale, or one for each column (case 3)."""
    tensor, column = per_tensor(w), per_column(w)
    return column if squared_error(w, tensor) > _PAYS * squared_error(w, column) else tensor


def _by_range(builder: GraphBuilder, product: Product, narrow: Narrow, range_: Range) -> ir.Value:
    x_scale, x_zero = _affine(builder, range_)
    x = _rounded(builder, product, x_scale, x_zero)
    q, zeros = builder.const(narrow.q, "weight"), np.zeros(narrow.scale.shape, np.int8)
    bias = None if product.bias is None else builder.const(product.bias, "bias")
    inputs = [x, q, x_scale, builder.const(narrow.scale, "scale"), x_zero, builder.const(zeros, "zero"), bias]
    return builder.op("MatMulIntegerToFloat", *(inputs if bias is not None else inputs[:-1]), domain=DOMAIN)


def _affine(builder: GraphBuilder, range_: Range) -> tuple[ir.Value, ir.Value]:
    """Scale and zero point of uint8 numbers that cover the range, zero exactly among them."""
    low, high = min(range_[0], 0.0), max(range_[1], 0.0)
    scale = np.float32(max(high - low, 1e-6) / 255)
    return builder.const(np.asarray(scale), "scale"), builder.const(np.asarray(np.rint(-low / scale), np.uint8), "zero")


def _rounded(builder: GraphBuilder, product: Product, scale: ir.Value, zero: ir.Value) -> ir.Value:
    """x as uint8; products with the same x share it."""
    return _shared(product, "QuantizeLinear", scale, zero) or builder.op("QuantizeLinear", product.x, scale, zero)


def _clipped(builder: GraphBuilder, product: Product) -> ir.Value:
    """x within `MOST`; products with the same x share it (case 6)."""
    low, high = (builder.const(np.asarray(end, np.float32), "bound") for end in (-MOST, MOST))
    return _shared(product, "Clip", low, high) or builder.op("Clip", product.x, low, high)


def _shared(product: Product, op_type: str, *others: ir.Value) -> ir.Value | None:
    """What another product has made of the same x with these other inputs."""
    for user, index in product.x.uses():
        alike = user.op_type == op_type and index == 0 and user.inputs[1:] == others
        if alike and user.graph is product.node.graph:
            return user.outputs[0]
    return None


def _by_blocks(builder: GraphBuilder, product: Product, x: ir.Value, narrow: Narrow, bits: int) -> ir.Value:
    q: Array = (narrow.q.astype(np.int16) + (_ZERO8 if bits == 8 else _ZERO4)).astype(np.uint8)
    if bits == 4:
        q = q[..., 0::2] | (q[..., 1::2] << 4)
    rows, columns = narrow.shape
    scale = builder.const(narrow.scale.reshape(-1).astype(np.float32), "scale")
    inputs: list[ir.Value | None] = [x, builder.const(q, "weight"), scale]
    if product.bias is not None:
        inputs += [None, None, builder.const(product.bias, "bias")]
    return builder.op(
        "MatMulNBits", *inputs, domain=DOMAIN, K=rows, N=columns, bits=bits, block_size=narrow.block,
        accuracy_level=_FAST,
    )  # fmt: skip


def _widened(builder: GraphBuilder, product: Product) -> ir.Value:
    wide = widen_int8(builder, product.weight, axis=1)
    if product.bias is None:
        return builder.op("MatMul", product.x, wide)
    if product.x.shape is not None and len(product.x.shape) == 2:
        return builder.op("Gemm", product.x, wide, builder.const(product.bias, "bias"))
    return builder.op("Add", builder.op("MatMul", product.x, wide), builder.const(product.bias, "bias"))
