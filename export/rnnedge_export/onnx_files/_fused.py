"""Operators that onnxruntime's optimizer puts in the place of several, written with those of ONNX again.

A file that was saved by onnxruntime after its optimizations has them, in the domain com.microsoft. Layouts that belong
to the processor on which it was saved stay, and are refused by their name. Source: onnxruntime, ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder

DOMAIN = "com.microsoft"
Rule = Callable[[GraphBuilder, ir.Node], "list[ir.Value | None] | None"]
_ACTIVATIONS = {"Relu": (), "Tanh": (), "Sigmoid": (), "LeakyRelu": ("alpha",), "HardSigmoid": ("alpha", "beta")}


def write_fused(model: ir.Model) -> None:
    """Every fused operator of the main graph that has a rule, in place."""
    builder = GraphBuilder(model)
    for node in list(model.graph):
        rule = _RULES.get(node.op_type) if node.domain == DOMAIN else None
        results = rule(builder, node) if rule is not None else None
        if results is None:
            builder.take()
            continue
        model.graph.insert_before(node, builder.take())
        for old, new in zip(node.outputs, results, strict=False):
            if new is not None:
                new.type = new.type or old.type
                name, old.name = old.name, builder.fresh(f"{old.name}_fused")
                ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
                new.name = name
        model.graph.remove(node, safe=True)


def _convolution(builder: GraphBuilder, node: ir.Node) -> list[ir.Value | None] | None:
    """Conv, a fourth input that is added, and an activation with its parameters in one list."""
    kept = {k: a for k, a in node.attributes.items() if k not in ("activation", "activation_params")}
    conv = builder.add(ir.Node("", "Conv", node.inputs[:3], kept.values()))
    y = conv.outputs[0]
    if len(node.inputs) > 3 and node.inputs[3] is not None:
        y = builder.op("Add", y, node.inputs[3])
    params = node.attributes.get_floats("activation_params", [])
    return _activated(builder, y, node.attributes.get_string("activation", ""), list(params))


def _activated(builder: GraphBuilder, y: ir.Value, name: str, params: list[float]) -> list[ir.Value | None] | None:
    if not name:
        return [y]
    if name == "Clip" and len(params) == 2:
        return [builder.op("Clip", y, *(builder.const(np.array(p, np.float32), "bound") for p in params))]
    if name not in _ACTIVATIONS:
        return None
    settings: dict[str, Any] = dict(zip(_ACTIVATIONS[name], params, strict=False))
    return [builder.op(name, y, **settings)]


def _gemm(builder: GraphBuilder, node: ir.Node) -> list[ir.Value | None] | None:
    kept = {k: a for k, a in node.attributes.items() if not k.startswith("activation")}
    y = builder.add(ir.Node("", "Gemm", node.inputs, kept.values())).outputs[0]
    stated = (_stated(node, f"activation_{name}") for name in ("alpha", "beta", "gamma"))
    params = [value for value in stated if value is not None]
    return _activated(builder, y, node.attributes.get_string("activation", ""), params)


def _stated(node: ir.Node, name: str) -> float | None:
    return node.attributes.get_float(name) if name in node.attributes else None


def _product(builder: GraphBuilder, node: ir.Node) -> list[ir.Value | None] | None:
    """alpha * A' B', each with its last two axes swapped if it says so."""
    flags = node.attributes
    if flags.get_int("transBatchA", 0) or flags.get_int("transBatchB", 0):
        return None
    sides = []
    for value, swapped in zip(node.inputs, (flags.get_int("transA", 0), flags.get_int("transB", 0)), strict=False):
        rank = None if value is None or value.shape is None else len(value.shape)
        if value is not None and value.const_value is not None:
            rank = len(value.const_value.shape)
        if swapped and rank is None:
            return None
        order = [*range((rank or 2) - 2), (rank or 2) - 1, (rank or 2) - 2]
        sides.append(builder.op("Transpose", value, perm=order) if swapped else value)
    y = builder.op("MatMul", *sides)
    alpha = flags.get_float("alpha", 1.0)
    return [y if alpha == 1.0 else builder.op("Mul", y, builder.const(np.array(alpha, np.float32), "alpha"))]


def _gelu(builder: GraphBuilder, node: ir.Node) -> list[ir.Value | None]:
    """x/2 (1 + erf(x / sqrt 2)), of a sum if there is a bias."""
    x = builder.op("Add", *node.inputs[:2]) if len(node.inputs) > 1 else node.inputs[0]
    inner = builder.op("Erf", builder.op("Div", x, _number(builder, sqrt(2))))
    half = builder.op("Mul", x, _number(builder, 0.5))
    return [builder.op("Mul", half, builder.op("Add", inner, _number(builder, 1)))]


def _fast_gelu(builder: GraphBuilder, node: ir.Node) -> list[ir.Value | None]:
    """x/2 (1 + tanh(x (0.035677 x^2 + 0.797885))), of a sum if there is a bias."""
    x = builder.op("Add", *node.inputs[:2]) if len(node.inputs) > 1 else node.inputs[0]
    cubic = builder.op("Mul", builder.op("Mul", x, x), _number(builder, 0.035677408136300125))
    inner = builder.op("Mul", x, builder.op("Add", cubic, _number(builder, 0.7978845608028654)))
    half = builder.op("Mul", x, _number(builder, 0.5))
    return [builder.op("Mul", half, builder.op("Add", builder.op("Tanh", inner), _number(builder, 1)))]


def _quick_gelu(builder: GraphBuilder, node: ir.Node) -> list[ir.Value | None]:
    x = node.inputs[0]
    alpha = _number(builder, node.attributes.get_float("alpha", 1.702))
    return [builder.op("Mul", x, builder.op("Sigmoid", builder.op("Mul", x, alpha)))]


def _skip_norm(builder: GraphBuilder, node: ir.Node) -> list[ir.Value | None]:
    """(LayerNormalization of the sum, -, -, the sum); inputs x, skip, gamma, beta, bias."""
    x, skip, gamma, beta, bias = (*node.inputs, None, None, None)[:5]
    total = builder.op("Add", x, skip)
    total = total if bias is None else builder.op("Add", total, bias)
    epsilon = node.attributes.get_float("epsilon", 1e-12)
    normed = builder.op("LayerNormalization", total, gamma, *([beta] if beta else []), axis=-1, epsilon=epsilon)
    return [normed, None, None, total]


def _number(builder: GraphBuilder, value: float) -> ir.Value:
    return builder.const(np.array(value, np.float32), "number")


_RULES: dict[str, Rule] = {
    "FusedConv": _convolution,
    "FusedGemm": _gemm,
    "FusedMatMul": _product,
    "TransposeMatMul": _product,
    "BiasGelu": _gelu,
    "Gelu": _gelu,
    "FastGelu": _fast_gelu,
    "QuickGelu": _quick_gelu,
    "SkipLayerNormalization": _skip_norm,
}
