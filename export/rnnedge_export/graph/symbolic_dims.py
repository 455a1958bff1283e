"""Dims of the offline graph, which are numbers or expressions of "batch" and "time", compared by what they come to.

`onnx_ir.SymbolicDim.evaluate` does the same by sympy; an expression with a quotient takes it 30 ms, and "ceiling" is no
function of its.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

from rnnedge_runtime.contract import Dim

# Batch sizes that share no factor with one another, and lengths that most strides divide.
PROBES = ((1009, 4435200), (2003, 8870400), (3001, 22176000))
Number = int | Fraction
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "Max": max, "Min": min, "max": max, "min": min, "ceiling": ceil, "floor": floor,
}  # fmt: skip
_OPERATIONS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: Fraction,
    ast.FloorDiv: operator.floordiv,
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z_]\w*")


def size(dim: Dim, batch: int, time: int) -> int | None:
    """What `dim` comes to, None where it is no expression of "batch" and "time"."""
    if isinstance(dim, int):
        return dim
    try:
        return int(_value(_parsed(dim), {"batch": batch, "time": time}))
    except (SyntaxError, TypeError, KeyError, ZeroDivisionError):
        return None


@lru_cache(maxsize=4096)
def _parsed(dim: str) -> ast.expr:
    return ast.parse(dim, mode="eval").body


def _value(node: ast.expr, names: Mapping[str, int]) -> Number:
    """Numbers, names, sums, products, quotients, and the functions above; a `TypeError` or `KeyError` for others."""
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.BinOp(left=left, op=operation, right=right):
            return _OPERATIONS[type(operation)](_value(left, names), _value(right, names))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _FUNCTIONS[name](*(_value(argument, names) for argument in arguments))
    raise TypeError(f"{ast.dump(node)}: no arithmetic of lengths")


def length_of(dim: Dim, time: int) -> int | None:
    """What a length comes to for a sequence of `time` frames: none where it is too short."""
    found = size(dim, 1, time)
    return None if found is None else max(0, found)


def grows(dim: Dim, name: str) -> bool:
    """Whether `name`, "batch" or "time", stands in `dim`."""
    return not isinstance(dim, int) and name in _WORD.findall(dim)


def ratio(before: Dim, after: Dim) -> Fraction | None:
    """after / before, where that is one number whatever batch and time are."""
    found = set()
    for batch, time in PROBES:
        a, b = size(before, batch, time), size(after, batch, time)
        if not a or b is None:
            return None
        found.add(Fraction(b, a))
    return found.pop() if len(found) == 1 else None


def product(dims: tuple[Dim, ...]) -> str:
    """The product of some dims, as an expression."""
    return "*".join(f"({d})" for d in dims) or "1"
