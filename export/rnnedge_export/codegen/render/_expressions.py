"""Expressions in C. A function that is no operator is one of `c/numbers.h`, or a header next to it, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rnnedge_export.codegen._ir.expressions import Call, Element, Expression, Literal

_INFIX = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "and": "&&",
    "or": "||",
    "equal": "==",
    "not_equal": "!=",
    "less": "<",
    "less_or_equal": "<=",
    "greater": ">",
    "greater_or_equal": ">=",
}
_OTHERS = {
    "negate": "-{0}",
    "not": "!{0}",
    "reciprocal": "1.0f / {0}",
    "is_true": "{0} != 0",
    "select": "{0} ? {1} : {2}",
    "as_float32": "(float) {0}",
    "as_int64": "(int64_t) {0}",
    "as_int32": "(int64_t) (int32_t) {0}",
    "as_int16": "(int64_t) (int16_t) {0}",
    "as_int8": "(int64_t) (int8_t) {0}",
    "as_uint32": "(int64_t) (uint32_t) {0}",
    "as_uint16": "(int64_t) (uint16_t) {0}",
    "as_uint8": "(int64_t) (uint8_t) {0}",
}


def expression(one: Expression, elements: Sequence[str], *, inner: bool = False) -> str:
    """An expression of elements; `inner`: as an operand, which may need parentheses."""
    if isinstance(one, Element):
        return elements[one.view]
    if isinstance(one, Literal):
        text = number(one.value)
        return f"({text})" if inner and text.startswith("-") else text

    def operand(k: int, inside: bool) -> str:
        return expression(one.operands[k], elements, inner=inside)

    return applied(one, operand, inner)


def applied(call: Call, operand: Callable[[int, bool], str], inner: bool = False) -> str:
    """A function of operands, which `operand` writes by number."""
    return function(call.function, len(call.operands), operand, inner)


def function(name: str, count: int, operand: Callable[[int, bool], str], inner: bool = False) -> str:
    """A function by name; `operand` writes one by number, in parentheses if it is asked to."""
    if name not in _INFIX and name not in _OTHERS:
        return f"{name}({', '.join(operand(k, False) for k in range(count))})"
    operands = [operand(k, True) for k in range(count)]
    text = f" {_INFIX[name]} ".join(operands) if name in _INFIX else _OTHERS[name].format(*operands)
    return f"({text})" if inner else text


def of_texts(name: str, *operands: str) -> str:
    """A function of operands that are text, and need no parentheses."""
    return function(name, len(operands), lambda k, _: operands[k])


def number(value: float | int) -> str:
    """A number in C, exact: float32 or int64."""
    if isinstance(value, int):
        if value == -(2**63):
            return "INT64_MIN"
        return str(value) if abs(value) < 2**31 else f"INT64_C({value})"
    if np.isnan(value):
        return "NOT_A_NUMBER"
    if np.isinf(value):
        return "INFINITE" if value > 0 else "-INFINITE"
    text = f"{value:.9g}"
    return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"
