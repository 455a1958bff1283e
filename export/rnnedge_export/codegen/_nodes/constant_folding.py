"""What depends on nothing but constants, computed by ONNX's reference implementation while the code is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from rnnedge_export.codegen._nodes.node import Array, Node
from rnnedge_runtime.errors import ModelRefused

# Nobody knows how long the reference implementation takes for them: they are written as any other node is.
_LONG = frozenset("AveragePool Conv ConvTranspose GRU LSTM MaxPool RNN Resize Scan".split())
_MOST_PRODUCTS = 1 << 26
# They ask for nothing but the shape of their input.
OF_SHAPE = ("Shape", "Size")


def fixed(node: Node, shapes: Mapping[str, tuple[int, ...]], constants: Mapping[str, Array]) -> bool:
    """Whether a node can be computed now: from constants, or from nothing but the shape of its input."""
    if node.op in OF_SHAPE:
        return True
    if node.op in _LONG or not all(name in constants for name in node.inputs if name):
        return False
    if node.op in ("MatMul", "Gemm"):
        sizes = [shapes[name] for name in node.inputs[:2]]
        return prod(sizes[0]) * max((1, *sizes[1])) <= _MOST_PRODUCTS
    return True


def of_shape(node: Node, shape: tuple[int, ...]) -> Array:
    """`Shape` or `Size` of a value of this shape."""
    if node.op == "Size":
        return np.array(prod(shape), np.int64)
    return np.array(shape[node.attribute("start", 0) : node.attribute("end")], np.int64)


def computed(node: Node, constants: Mapping[str, Array], opset: int) -> dict[str, Array]:
    """Numbers that depend on nothing but constants and shapes, and so do those of any operator over such numbers."""
    domain, _, op = node.op.rpartition("::")
    proto = onnx.helper.make_node(op, node.inputs, node.outputs, domain=domain, **node.attributes)
    try:
        evaluator = ReferenceEvaluator(proto, opsets={"": opset})
        found = evaluator.run(None, {name: constants[name] for name in node.inputs if name})
    except Exception as error:
        raise ModelRefused(f"native engine: {node.op} {node.name!r}: not computed: {error}") from error
    return {name: np.asarray(value) for name, value in zip(node.outputs, found, strict=True)}


@dataclass(frozen=True, eq=False)
class Grid:
    """A constant matrix (K, N) that is int8 in the file: `q`, and a scale (N,) of every column."""

    q: Array
    scale: Array
