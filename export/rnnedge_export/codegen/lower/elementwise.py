"""Operators that compute every number by itself: they stay expressions until somebody needs them in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge_export.codegen._ir.tensors import FLOAT, INT, Tensor, View, plain
from rnnedge_export.codegen._node import Node
from rnnedge_export.codegen._registry import rule
from rnnedge_export.codegen._symbol_table import Scope


@dataclass(frozen=True)
class Formula:
    """C for float and whole numbers, "" where there is none; `result` None: the kind of the last operand."""

    floats: str
    integers: str = ""
    result: str | None = None
    costly: bool = False


_FORMULAS = {
    "Add": Formula("({0} + {1})", "whole_sum({0}, {1})"),
    "Sub": Formula("({0} - {1})", "whole_difference({0}, {1})"),
    "Mul": Formula("({0} * {1})", "whole_product({0}, {1})"),
    "Div": Formula("({0} / {1})", costly=True),
    "Min": Formula("smaller({0}, {1})", "({0} < {1} ? {0} : {1})"),
    "Max": Formula("larger({0}, {1})", "({0} > {1} ? {0} : {1})"),
    "Neg": Formula("(-{0})", "whole_difference(0, {0})"),
    "Abs": Formula("magnitude({0})", "whole_magnitude({0})"),
    "Reciprocal": Formula("(1.0f / {0})", costly=True),
    "Sqrt": Formula("square_root({0})", costly=True),
    "Exp": Formula("exponential({0})", costly=True),
    "Log": Formula("logarithm({0})", costly=True),
    "Erf": Formula("error_function({0})", costly=True),
    "Sigmoid": Formula("sigmoid({0})", costly=True),
    "Tanh": Formula("tangent({0})", costly=True),
    "Relu": Formula("rectified({0})", "({0} > 0 ? {0} : 0)"),
    "Softplus": Formula("softplus({0})", costly=True),
    "PRelu": Formula("leaky({0}, {1})"),
    "Sin": Formula("sine({0})", costly=True),
    "Floor": Formula("floor_of({0})"),
    "Identity": Formula("{0}", "{0}"),
    "And": Formula("", "({0} && {1})", INT),
    "Or": Formula("", "({0} || {1})", INT),
    "Xor": Formula("", "({0} != {1})", INT),
    "Not": Formula("", "(!{0})", INT),
    "Equal": Formula("({0} == {1})", "({0} == {1})", INT),
    "Less": Formula("({0} < {1})", "({0} < {1})", INT),
    "LessOrEqual": Formula("({0} <= {1})", "({0} <= {1})", INT),
    "Greater": Formula("({0} > {1})", "({0} > {1})", INT),
    "GreaterOrEqual": Formula("({0} >= {1})", "({0} >= {1})", INT),
    "Where": Formula("({0} ? {1} : {2})", "({0} ? {1} : {2})"),
}


@rule(*_FORMULAS, integers=True)
def formula(scope: Scope, node: Node) -> list[Tensor]:
    """Operators of one formula; Min and Max of any number of operands."""
    operands = [scope.input(node, k) for k in range(len(node.inputs))]
    if node.op in ("Min", "Max") and len(operands) != 2:
        result = operands[0]
        for operand in operands[1:]:
            result = _applied(scope, node, [result, operand])
        return [result]
    return [_applied(scope, node, operands)]


def _applied(scope: Scope, node: Node, operands: list[Tensor]) -> Tensor:
    found = _FORMULAS[node.op]
    kind = operands[-1].kind
    text = found.floats if kind == FLOAT else found.integers
    if not text:
        node.refuse(f"of {'float32' if kind == FLOAT else 'whole numbers'} is not supported")
    return combined(scope, text, operands, found.result or kind, costly=found.costly)


def combined(scope: Scope, text: str, operands: list[Tensor], kind: str = FLOAT, *, costly: bool = False) -> Tensor:
    """One expression over broadcast operands; what is costly and would be computed again and again gets a buffer."""
    shape = np.broadcast_shapes(*(operand.shape for operand in operands))
    again = [text.count(f"{{{k}}}") > 1 for k in range(len(operands))]
    parts: list[str] = []
    views: list[View] = []
    for operand, twice in zip(operands, again, strict=True):
        size = int(np.prod(operand.shape, dtype=np.int64))
        wider = size < int(np.prod(shape, dtype=np.int64))
        if operand.views and (operand.costly and (wider or twice)):
            operand = plain(scope.program.materialized(operand))
        parts.append(operand.template.format(*(f"{{{len(views) + k}}}" for k in range(len(operand.views)))))
        views += [View(v.buffer, np.broadcast_to(v.index, shape)) for v in operand.views]
    any_costly = costly or any(operand.costly and operand.view is None for operand in operands)
    return Tensor(text.format(*parts), tuple(views), shape, kind, any_costly)


@rule("Mod", integers=True)
def remainder(scope: Scope, node: Node) -> list[Tensor]:
    """The remainder of C, of floats."""
    operands = [scope.input(node, 0), scope.input(node, 1)]
    if node.attribute("fmod", 0) != 1 or operands[0].kind != FLOAT:
        node.refuse("of whole numbers is not supported")
    return [combined(scope, "rest_of({0}, {1})", operands, costly=True)]


@rule("Pow")
def power(scope: Scope, node: Node) -> list[Tensor]:
    """Powers that need no logarithm."""
    exponent = scope.array(node, 1, "exponent")
    text = {2.0: "squared({0})", 0.5: "square_root({0})", 1.0: "{0}", 3.0: "cubed({0})", -1.0: "(1.0f / {0})"}
    if exponent.size != 1 or float(exponent.flat[0]) not in text:
        node.refuse(f"exponent {exponent.ravel()[:4]}: expected one of {', '.join(map(str, text))}")
    return [combined(scope, text[float(exponent.flat[0])], [scope.input(node, 0)])]


@rule("Clip", integers=True)
def clip(scope: Scope, node: Node) -> list[Tensor]:
    """Bounds, each optional; NaN stays NaN."""
    value = scope.input(node, 0)
    for k, operator in ((1, "Max"), (2, "Min")):
        if node.has(k):
            found = _FORMULAS[operator]
            text = found.floats if value.kind == FLOAT else found.integers
            value = combined(scope, text, [value, scope.input(node, k)], value.kind)
    return [value]


@rule("LeakyRelu", "Elu", "HardSigmoid", "Gelu", "HardSwish")
def with_parameters(scope: Scope, node: Node) -> list[Tensor]:
    """Activations with parameters."""
    if node.op == "LeakyRelu":
        text = f"leaky({{0}}, {float(node.attribute('alpha', 0.01)):.9g}f)"
    elif node.op == "Elu":
        text = f"exponential_linear({{0}}, {float(node.attribute('alpha', 1.0))!r}f)"
    elif node.op == "HardSigmoid":
        alpha, beta = float(node.attribute("alpha", 0.2)), float(node.attribute("beta", 0.5))
        text = f"larger(0.0f, smaller(1.0f, {alpha!r}f * {{0}} + {beta!r}f))"
    elif node.op == "HardSwish":
        text = "({0} * larger(0.0f, smaller(1.0f, {0} / 6.0f + 0.5f)))"
    else:
        node.only("approximate", "none", "tanh")
        text = "gelu({0})" if node.attribute("approximate", "none") == "none" else "gelu_by_tangent({0})"
    return [combined(scope, text, [scope.input(node, 0)], costly=node.op in ("Elu", "Gelu"))]


@rule("Cast", integers=True)
def cast(scope: Scope, node: Node) -> list[Tensor]:
    """Between float32, whole numbers and truth values, as in C."""
    import onnx

    node.only("saturate", 1)
    to = node.attribute("to")
    value = scope.input(node, 0)
    kinds = {onnx.TensorProto.FLOAT: FLOAT, onnx.TensorProto.INT64: INT, onnx.TensorProto.INT32: INT}
    if to == onnx.TensorProto.BOOL:
        return [combined(scope, "({0} != 0)", [value], INT)]
    if to not in kinds:
        node.refuse(f"to {onnx.TensorProto.DataType.Name(to)}: expected float32, int64, int32 or bool")
    kind = kinds[to]
    short = to == onnx.TensorProto.INT32
    if value.kind == FLOAT and kind == INT:
        return [combined(scope, "short_of({0})" if short else "whole_of({0})", [value], kind)]
    if kind == value.kind and not short:
        return [value]
    return [combined(scope, f"(({kind}) {'(int32_t) ' if short else ''}{{0}})", [value], kind)]
