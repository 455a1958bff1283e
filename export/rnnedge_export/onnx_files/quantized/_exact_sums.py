"""Sums of whole numbers in float32, in any order of additions.

A sum is exact if it is below 2^24 for all numbers that x may have. One that may be larger is cut along the channels of
x, and the parts are added as int32, as onnxruntime adds all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.onnx_files.quantized._whole import Array, Unusual, bounds

_EXACT = 1 << 24
_FLOAT, _INT32 = int(ir.DataType.FLOAT), int(ir.DataType.INT32)


@dataclass(frozen=True, eq=False)
class Part:
    """Of a product: channels of x, their weights (whole numbers of float32), and what is added (whole numbers)."""

    x: ir.Value
    weights: Array
    bias: Array | None


def summed(
    builder: GraphBuilder,
    product: Part,
    zero: Array,
    write: Callable[[Part], ir.Value],
    *,
    axes: tuple[int | None, int | None],
    of_x: int,
    trailing: tuple[int, ...] = (),
) -> ir.Value:
    """The sum that `write` gives of a part, exactly; `zero`: the zero point that is off x.

    `axes`: of the weights, that of the results and that along which they may be cut; `of_x`: the same of x. `trailing`:
    axes of size 1 after those of the bias.
    """
    most = max(abs(bound - int(z)) for bound in bounds(zero) for z in np.ravel(zero))
    sums = tuple(i for i in range(product.weights.ndim) if i != axes[0])

    def fits(weights: Array, bias: Array | None) -> bool:
        largest = most * int(np.abs(weights.astype(np.int64)).sum(sums).max(initial=0))
        return largest + (0 if bias is None else int(np.abs(bias.astype(np.int64)).max(initial=0))) < _EXACT

    if fits(product.weights, product.bias):
        return write(product)
    cut = axes[1]
    most_parts = 1 if cut is None else product.weights.shape[cut]
    for count in range(1, most_parts + 1):
        parts = [product.weights] if cut is None or count == 1 else np.array_split(product.weights, count, cut)
        if all(fits(part, None) for part in parts):
            break
    else:
        raise Unusual
    xs = [product.x]
    if len(parts) > 1:
        sizes = builder.ints(*(part.shape[cut or 0] for part in parts))
        xs = builder.ops("Split", product.x, sizes, outputs=len(parts), axis=of_x)
    total, *others = [
        builder.op("Cast", write(Part(x, weights, None)), to=_INT32) for x, weights in zip(xs, parts, strict=True)
    ]
    if product.bias is not None:
        others.append(builder.const(product.bias.astype(np.int32).reshape(*product.bias.shape, *trailing), "bias"))
    for term in others:
        total = builder.op("Add", total, term)
    return builder.op("Cast", total, to=_FLOAT)
