"""Operators that compute every number by itself: they stay expressions until a statement needs them in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnedge_export.codegen._ir.expressions import MOST_DEPTH, Call, Expression, Literal, renumbered
from rnnedge_export.codegen._ir.tensors import FLOAT, INT, Tensor, View, plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._registry import rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable


@dataclass(frozen=True)
class Formula:
    """Names of functions of float and of whole numbers, "" if there is none.

    `result` None: the kind of the last operand. `costly` as of a tensor.
    """

    floats: str
    integers: str = ""
    result: str | None = None
    costly: bool = False


_FORMULAS = {
    "Add": Formula("add", "whole_sum"),
    "Sub": Formula("subtract", "whole_difference"),
    "Mul": Formula("multiply", "whole_product"),
    "Div": Formula("divide", costly=True),
    "Min": Formula("smaller", "whole_smaller"),
    "Max": Formula("larger", "whole_larger"),
    "Neg": Formula("negate", "whole_negative"),
    "Abs": Formula("magnitude", "whole_magnitude"),
    "Reciprocal": Formula("reciprocal", costly=True),
    "Sqrt": Formula("square_root", costly=True),
    "Exp": Formula("exponential", costly=True),
    "Log": Formula("logarithm", costly=True),
    "Erf": Formula("error_function", costly=True),
    "Sigmoid": Formula("sigmoid", costly=True),
    "Tanh": Formula("tangent", costly=True),
    "Relu": Formula("rectified", "whole_rectified"),
    "Softplus": Formula("softplus", costly=True),
    "PRelu": Formula("leaky"),
    "Floor": Formula("floor_of"),
    "Ceil": Formula("ceiling_of"),
    "Round": Formula("nearest_of"),
    "Sign": Formula("sign_of", "whole_sign"),
    "IsNaN": Formula("is_nan", result=INT),
    "BitwiseAnd": Formula("", "bitwise_and"),
    "BitwiseOr": Formula("", "bitwise_or"),
    "BitwiseXor": Formula("", "bitwise_xor"),
    "BitwiseNot": Formula("", "bitwise_not"),
    "Sin": Formula("sine", costly=True),
    "Cos": Formula("cosine", costly=True),
    "Tan": Formula("tangent_of_angle", costly=True),
    "Asin": Formula("arcsine", costly=True),
    "Acos": Formula("arccosine", costly=True),
    "Atan": Formula("arctangent", costly=True),
    "Sinh": Formula("hyperbolic_sine", costly=True),
    "Cosh": Formula("hyperbolic_cosine", costly=True),
    "Asinh": Formula("inverse_hyperbolic_sine", costly=True),
    "Acosh": Formula("inverse_hyperbolic_cosine", costly=True),
    "Atanh": Formula("inverse_hyperbolic_tangent", costly=True),
    "Sum": Formula("add"),
    "Mean": Formula("add"),
    "And": Formula("", "and", INT),
    "Or": Formula("", "or", INT),
    "Xor": Formula("", "not_equal", INT),
    "Not": Formula("", "not", INT),
    "Equal": Formula("equal", "equal", INT),
    "Less": Formula("less", "less", INT),
    "LessOrEqual": Formula("less_or_equal", "less_or_equal", INT),
    "Greater": Formula("greater", "greater", INT),
    "GreaterOrEqual": Formula("greater_or_equal", "greater_or_equal", INT),
    "Where": Formula("select", "select"),
}


@rule("Identity", integers=True)
def identity(scope: SymbolTable, node: Node) -> list[Tensor]:
    """The same numbers."""
    return [scope.input(node, 0)]


@rule(*_FORMULAS, integers=True)
def formula(scope: SymbolTable, node: Node) -> list[Tensor]:
    """Operators of one formula; Min, Max, Sum and Mean of any number of operands."""
    operands = [scope.input(node, k) for k in range(len(node.inputs))]
    if node.op not in ("Min", "Max", "Sum", "Mean"):
        return [_applied(scope, node, operands)]
    result = operands[0]
    for operand in operands[1:]:
        result = _applied(scope, node, [result, operand])
    return [combined(scope, "divide", [result, float(len(operands))]) if node.op == "Mean" else result]


def _applied(scope: SymbolTable, node: Node, operands: list[Tensor]) -> Tensor:
    found = _FORMULAS[node.op]
    kind = operands[-1].kind
    function = found.floats if kind == FLOAT else found.integers
    if not function:
        node.refuse(f"of {'float32' if kind == FLOAT else 'whole numbers'} is not supported")
    return combined(scope, function, operands, found.result or kind, costly=found.costly)


def combined(
    scope: SymbolTable, function: str, operands: Sequence[Tensor | float], kind: str = FLOAT, *, costly: bool = False
) -> Tensor:
    """A function of broadcast operands and of literals; a costly one that is broadcast is computed before."""
    tensors = [one for one in operands if isinstance(one, Tensor)]
    shape = np.broadcast_shapes(*(one.shape for one in tensors))
    parts: list[Expression] = []
    views: list[View] = []
    for operand in operands:
        if not isinstance(operand, Tensor):
            parts.append(Literal(operand) if isinstance(operand, int) else Literal.float32(operand))
            continue
        size = int(np.prod(operand.shape, dtype=np.int64))
        again = operand.costly and size < int(np.prod(shape, dtype=np.int64))
        if operand.views and (again or operand.expression.depth >= MOST_DEPTH):
            operand = plain(scope.program.materialized(operand))
        parts.append(renumbered(operand.expression, len(views)))
        views += [View(v.buffer, np.broadcast_to(v.index, shape)) for v in operand.views]
    any_costly = costly or any(one.costly and one.view is None for one in tensors)
    return Tensor(Call(function, tuple(parts), scope.program.origin), tuple(views), shape, kind, any_costly)


@rule("Dropout", integers=True)
def dropout(scope: SymbolTable, node: Node) -> list[Tensor]:
    """The same numbers; the mask, and training, are refused."""
    node.attribute("seed")
    if len([name for name in node.outputs if name]) > 1:
        node.refuse("the mask as an output: expected the first output only")
    if node.has(2) and bool(scope.array(node, 2, "training_mode").item()):
        node.refuse("training_mode is true: expected false")
    return [scope.input(node, 0)]


@rule("Mod", integers=True)
def remainder(scope: SymbolTable, node: Node) -> list[Tensor]:
    """The remainder of C, of floats."""
    operands = [scope.input(node, 0), scope.input(node, 1)]
    if node.attribute("fmod", 0) != 1 or operands[0].kind != FLOAT:
        node.refuse("of whole numbers is not supported")
    return [combined(scope, "rest_of", operands, costly=True)]


@rule("Pow")
def power(scope: SymbolTable, node: Node) -> list[Tensor]:
    """Powers that need no logarithm."""
    exponent = scope.array(node, 1, "exponent")
    known = {2.0: "squared", 0.5: "half_power", 1.0: "", 3.0: "cubed", -1.0: "reciprocal"}
    if exponent.size != 1 or float(exponent.flat[0]) not in known:
        node.refuse(f"exponent {exponent.ravel()[:4]}: expected one of {', '.join(map(str, known))}")
    function, value = known[float(exponent.flat[0])], scope.input(node, 0)
    return [combined(scope, function, [value]) if function else value]


@rule("Clip", integers=True)
def clip(scope: SymbolTable, node: Node) -> list[Tensor]:
    """Bounds, each optional; NaN stays NaN."""
    value = scope.input(node, 0)
    for k, operator in ((1, "Max"), (2, "Min")):
        if node.has(k):
            found = _FORMULAS[operator]
            function = found.floats if value.kind == FLOAT else found.integers
            value = combined(scope, function, [value, scope.input(node, k)], value.kind)
    return [value]


@rule("Cast", integers=True)
def cast(scope: SymbolTable, node: Node) -> list[Tensor]:
    """Between float32, whole numbers and truth values, as in C."""
    import onnx

    node.only("saturate", 1)
    to = node.attribute("to")
    value = scope.input(node, 0)
    kinds = {onnx.TensorProto.FLOAT: FLOAT, onnx.TensorProto.INT64: INT, onnx.TensorProto.INT32: INT}
    if to == onnx.TensorProto.BOOL:
        return [combined(scope, "is_true", [value], INT)]
    if to not in kinds:
        node.refuse(f"to {onnx.TensorProto.DataType.Name(to)}: expected float32, int64, int32 or bool")
    kind = kinds[to]
    short = to == onnx.TensorProto.INT32
    if value.kind == FLOAT and kind == INT:
        return [combined(scope, "short_of" if short else "whole_of", [value], kind)]
    if kind == value.kind and not short:
        return [value]
    return [combined(scope, "as_float32" if kind == FLOAT else "as_int32" if short else "as_int64", [value], kind)]
