"""Expressions: what one number is computed from. Functions are named here; `render` says what they are in C."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# What a vector computes together with a sum that it is a term of.
ARITHMETIC = frozenset(
    "add subtract multiply divide negate reciprocal squared magnitude and or not equal not_equal less less_or_equal "
    "greater greater_or_equal is_true as_float32 as_int64 as_int32".split()
)
# An operand that is deeper is computed before, so that an expression stays readable.
MOST_DEPTH = 64


@dataclass(frozen=True)
class Element:
    """The element of a tensor's view number `view`."""

    view: int
    depth: int = field(default=0, init=False)
    terms: int = field(default=1, init=False)


@dataclass(frozen=True)
class Literal:
    """A number, float32 or int64."""

    value: float | int
    depth: int = field(default=0, init=False)
    terms: int = field(default=1, init=False)

    @staticmethod
    def float32(value: float) -> Literal:
        """The nearest float32."""
        return Literal(float(np.float32(value)))


@dataclass(frozen=True)
class Call:
    """A function of other expressions. `origin` names the node that it is of."""

    function: str
    operands: tuple[Expression, ...]
    origin: tuple[str, ...] = ()
    depth: int = field(init=False)
    terms: int = field(init=False)

    def __post_init__(self) -> None:
        """Measure it."""
        object.__setattr__(self, "depth", 1 + max((one.depth for one in self.operands), default=0))
        object.__setattr__(self, "terms", 1 + sum(one.terms for one in self.operands))


Expression = Element | Literal | Call
FIRST = Element(0)


def renumbered(expression: Expression, by: int) -> Expression:
    """The same of views that are `by` further on."""
    if isinstance(expression, Element):
        return Element(expression.view + by)
    if isinstance(expression, Literal) or not by:
        return expression
    operands = tuple(renumbered(one, by) for one in expression.operands)
    return Call(expression.function, operands, expression.origin)


def functions(expression: Expression) -> frozenset[str]:
    """The names of all functions in it."""
    if not isinstance(expression, Call):
        return frozenset()
    return frozenset([expression.function]).union(*map(functions, expression.operands))


def origins(expression: Expression) -> tuple[str, ...]:
    """The nodes that it is of, those that come first first."""
    if not isinstance(expression, Call):
        return ()
    found = [name for one in expression.operands for name in origins(one)]
    return tuple(dict.fromkeys([*found, *expression.origin]))
