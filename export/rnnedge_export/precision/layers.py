"""The layers of a finished graph: which weights there are, and how each of them is used.

1. A weight is a float32 constant of two or more axes and at least `_SMALLEST` numbers, in a native recurrence W and R;
   the rest (biases, scales of normalizations) stays as it is.
2. A use is a *product* where the weight is the right side of a MatMul or a plain Gemm; anything else (convolution,
   table, native recurrence) *reads* it.
3. Weights of one module form a layer, named by it: `encoder.gru.l0`, `head`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from rnnedge_export.forms.attributes import NATIVE
from rnnedge_export.graph.builder import Array, constant
from rnnedge_runtime.errors import ModelRefused

_SMALLEST = 32


@dataclass(frozen=True, eq=False)
class Product:
    """x @ weight + addend: `weight` (K, N) float32; `bias` (N) where it is constant, else `addend` is a value."""

    node: ir.Node
    x: ir.Value
    weight: Array
    bias: Array | None = None
    addend: ir.Value | None = None


@dataclass(frozen=True, eq=False)
class Weight:
    """One constant of a graph, the nodes that multiply by it from the right, and whether anybody else reads it."""

    layer: str
    value: ir.Value
    nodes: tuple[ir.Node, ...]
    read: bool

    @property
    def array(self) -> Array:
        """The float32 numbers."""
        found = constant(self.value)
        assert found is not None
        return found


def weights_of(model: ir.Model) -> list[Weight]:
    """Every weight of `model`, in the order in which they are read."""
    uses: dict[ir.Value, list[ir.Node]] = {}
    for node in model.graph.all_nodes():
        inputs = node.inputs[1:3] if node.op_type in NATIVE else node.inputs
        for value in dict.fromkeys(inputs):
            if value is not None and _is_weight(value):
                uses.setdefault(value, []).append(node)
    found = []
    for value, nodes in uses.items():
        products = tuple(node for node in nodes if product_of(node, value) is not None)
        found.append(Weight(_layer(value, nodes), value, products, len(products) < len(nodes)))
    return found


def product_of(node: ir.Node, weight: ir.Value) -> Product | None:
    """The product that `node` computes with `weight` on its right; None where it is something else."""
    array = constant(weight)
    if array is None or array.ndim != 2 or len(node.inputs) < 2 or node.inputs[1] is not weight or node.domain:
        return None
    x = node.inputs[0]
    if x is None or x is weight or constant(x) is not None:
        return None
    if node.op_type == "MatMul":
        return Product(node, x, array)
    if node.op_type != "Gemm" or weight in node.inputs[2:]:
        return None
    integer, number = node.attributes.get_int, node.attributes.get_float
    if integer("transA", 0) or number("alpha", 1.0) != 1.0 or number("beta", 1.0) != 1.0:
        return None
    if integer("transB", 0):
        array = np.ascontiguousarray(array.T)
    addend = node.inputs[2] if len(node.inputs) > 2 else None
    bias = None if addend is None else constant(addend)
    if bias is not None and bias.size == array.shape[1]:
        return Product(node, x, array, bias=bias.reshape(-1))
    return Product(node, x, array, addend=addend)


def check_layers(names: Iterator[str] | list[str], weights: list[Weight]) -> None:
    """Raise `ModelRefused` for a name that is no layer of the graph."""
    known = list(dict.fromkeys(weight.layer for weight in weights))
    for name in names:
        if name not in known:
            raise ModelRefused(f"precision: expected one of the layers {', '.join(known)}, found {name!r}")


def _is_weight(value: ir.Value) -> bool:
    if value.dtype != ir.DataType.FLOAT or value.shape is None or len(value.shape) < 2:
        return False
    array = constant(value)
    # A mask of attention has -infinity where a frame is left out.
    return array is not None and array.size >= _SMALLEST and bool(np.isfinite(array).all())


def _layer(value: ir.Value, nodes: list[ir.Node]) -> str:
    """The module that a weight belongs to, by its own name or by the name of the bias next to it."""
    name = value.name or "weight"
    for node in nodes:
        if node.op_type in NATIVE and node.name:
            return node.name
    recurrent = re.fullmatch(r"(.+)\.[WR]\d*(_\d+)?", name)
    if recurrent:
        return recurrent[1]
    for candidate in (name, *_neighbours(nodes)):
        if "." in candidate:
            return candidate.rpartition(".")[0]
    return name


def _neighbours(nodes: list[ir.Node]) -> Iterator[str]:
    """Names of the constants that the same nodes, or an addition after them, read."""
    for node in nodes:
        after = [user for user, _ in node.outputs[0].uses() if user.op_type == "Add"]
        for reader in (node, *after):
            yield from (v.name for v in reader.inputs if v is not None and v.name and constant(v) is not None)
