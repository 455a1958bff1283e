"""Dims of the offline graph, which are numbers or expressions of "batch" and "time", compared by what they come to.

`onnx_ir.SymbolicDim.evaluate` does the same by sympy; an expression with a quotient takes it 30 ms, and "ceiling" is no
function of its.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, trunc

from rnnedge_runtime.contract import Dim

# Batch sizes that share no factor with one another, and lengths that most strides divide.
PROBES = ((1009, 4435200), (2003, 8870400), (3001, 22176000))
# That many lengths in a row have every remainder that matters.
_REMAINDERS = 32
Number = int | Fraction
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "Max": max, "Min": min, "max": max, "min": min, "ceiling": ceil, "floor": floor, "Abs": abs,
    # Those of torch.utils._sympy.functions.
    "Mod": operator.mod, "PythonMod": operator.mod, "FloorDiv": operator.floordiv, "IntTrueDiv": Fraction,
    "CeilToInt": ceil, "FloorToInt": floor, "TruncToInt": trunc, "ToFloat": Fraction,
}  # fmt: skip
_OPERATIONS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: Fraction,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
_EXTREMES = {"Min", "Max", "min", "max"}
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
        case ast.Constant(value=float(number)):
            return Fraction(number)
        case ast.Name(id=name):
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.BinOp(left=left, op=operation, right=right):
            return _OPERATIONS[type(operation)](_value(left, names), _value(right, names))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _FUNCTIONS[name](*(_value(argument, names) for argument in arguments))
    raise TypeError(f"{ast.dump(node)}: no arithmetic of lengths")


def as_number(dim: Dim, times: Sequence[int]) -> Dim:
    """The number that a quotient of lengths comes to for any batch and a sequence of any of `times` frames, or `dim`.

    The frames of a sequence cut into n // 8 blocks, divided by n // 8, are 8.
    """
    if isinstance(dim, int) or "//" not in dim:
        return dim
    found = {size(dim, batch, time) for batch in (2, 3) for time in times}
    number = found.pop()
    return dim if found or number is None else number


def without_extremes(dim: Dim, times: Sequence[int]) -> Dim:
    """`dim` without a Min or Max of which one operand is the result for a sequence of any of `times` frames."""
    if isinstance(dim, int) or not _EXTREMES.intersection(_WORD.findall(dim)):
        return dim
    try:
        return ast.unparse(_Chosen(times).visit(ast.parse(dim, mode="eval").body))
    except (SyntaxError, TypeError, KeyError, ZeroDivisionError):
        return dim


class _Chosen(ast.NodeTransformer):
    def __init__(self, times: Sequence[int]) -> None:
        self._names = [{"batch": 2, "time": time} for time in times]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id not in _EXTREMES:
            return node
        wanted = [_value(node, names) for names in self._names]
        return next((a for a in node.args if [_value(a, names) for names in self._names] == wanted), node)


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


def same(a: Dim, b: Dim) -> bool:
    """Whether two dims come to one number, whatever batch and time are."""
    return all(size(a, 2, PROBES[0][1] + k) == size(b, 2, PROBES[0][1] + k) for k in range(_REMAINDERS))


def product(dims: tuple[Dim, ...]) -> str:
    """The product of some dims, as an expression."""
    return "*".join(f"({d})" for d in dims) or "1"
