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


# What wraps around to fewer bits than whole numbers are computed with.
_WIDE = ("INT64", "UINT64")
_NARROW = ("INT32", "INT16", "INT8", "UINT32", "UINT16", "UINT8")
_FORMULAS = {
    "Add": Formula("add", "whole_sum"),
    "Sub": Formula("subtract", "whole_difference"),
    "Mul": Formula("multiply", "whole_product"),
    "Div": Formula("divide", "whole_quotient", costly=True),
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
    kind, dtype = operands[-1].kind, scope.types.get(node.outputs[0], "")
    function = found.floats if kind == FLOAT else found.integers
    if not function:
        node.refuse(f"of {'float32' if kind == FLOAT else 'whole numbers'} is not supported")
    if node.op not in _OF_BITS:
        _check_sign(scope, node)
    result = combined(scope, function, operands, found.result or kind, costly=found.costly)
    return combined(scope, f"as_{dtype}", [result], INT) if node.op in _GROW and dtype.upper() in _NARROW else result


# What can leave the bits that whole numbers have, and wraps around in them.
_GROW = ("Add", "Sub", "Mul", "Div", "Neg", "Abs", "BitwiseNot")
# What is the same of numbers with a sign and without.
_OF_BITS = ("Add", "Sub", "Mul", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "Equal", "Where")


def _check_sign(scope: SymbolTable, node: Node) -> None:
    """Whole numbers are computed with a sign, in 64 bits."""
    if any(scope.types.get(name) == "uint64" for name in node.inputs):
        node.refuse("of uint64: expected whole numbers with a sign, or of up to 32 bits")


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


@rule("BitShift", integers=True)
def shifted(scope: SymbolTable, node: Node) -> list[Tensor]:
    """Unsigned numbers, in as many bits as they have."""
    function = {"LEFT": "shifted_left", "RIGHT": "shifted_right"}.get(node.attribute("direction"))
    dtype = scope.types[node.inputs[0]]
    if function is None or not dtype.startswith("uint"):
        node.refuse(f"of {dtype}: expected unsigned numbers, and a direction")
    found = combined(scope, function, [scope.input(node, 0), scope.input(node, 1)], INT)
    return [found if dtype == "uint64" else combined(scope, f"as_{dtype}", [found], INT)]


@rule("Mod", integers=True)
def remainder(scope: SymbolTable, node: Node) -> list[Tensor]:
    """That of C, or, of whole numbers without `fmod`, with the sign of what divides."""
    _check_sign(scope, node)
    operands, fmod = [scope.input(node, 0), scope.input(node, 1)], node.attribute("fmod", 0)
    kind = operands[0].kind
    if kind == FLOAT and fmod != 1:
        node.refuse("fmod is 0: expected 1 for floats")
    whole = "whole_rest" if fmod else "whole_modulo"
    return [combined(scope, "rest_of" if kind == FLOAT else whole, operands, kind, costly=True)]


_SHORT_POWERS = {2.0: "squared", 0.5: "half_power", 1.0: "", 3.0: "cubed", -1.0: "reciprocal"}


@rule("Pow")
def power(scope: SymbolTable, node: Node) -> list[Tensor]:
    """Powers of any exponents; some of them need no logarithm."""
    value, exponent = scope.input(node, 0), scope.known(node.inputs[1])
    if exponent is None:
        return [combined(scope, "power", [value, scope.input(node, 1)], costly=True)]
    if exponent.size != 1:
        numbers = scope.program.constant(np.asarray(exponent, np.float32))
        return [combined(scope, "power", [value, numbers], costly=True)]
    number, shape = float(exponent.flat[0]), np.broadcast_shapes(value.shape, exponent.shape)
    short = _SHORT_POWERS.get(number)
    powers = combined(scope, "power", [value, number], costly=True) if short is None else value
    if short:
        powers = combined(scope, short, [value])
    return [powers.rearranged(lambda index: index.reshape(shape))]


@rule("Clip", integers=True)
def clip(scope: SymbolTable, node: Node) -> list[Tensor]:
    """Bounds, each optional; NaN stays NaN."""
    _check_sign(scope, node)
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
    value, to = scope.input(node, 0), onnx.TensorProto.DataType.Name(node.attribute("to"))
    if to == "BOOL":
        return [combined(scope, "is_true", [value], INT)]
    if to == "FLOAT":
        _check_sign(scope, node)
        return [value if value.kind == FLOAT else combined(scope, "as_float32", [value])]
    if to not in (*_WIDE, *_NARROW):
        node.refuse(f"to {to}: expected float32, bool or whole numbers")
    if value.kind == FLOAT:
        value = combined(scope, "short_of" if to == "INT32" else "whole_of", [value], INT)
        if to == "INT32":
            return [value]
    return [combined(scope, f"as_{to.lower()}", [value], INT) if to in _NARROW else value]
