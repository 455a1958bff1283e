"""Which rule writes which operator. An operator without a rule is refused, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rnnedge_export.codegen._ir.tensors import Array, Tensor
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._symbol_table import SymbolTable

Result = Sequence[Tensor | Array]
Rule = Callable[[SymbolTable, Node], Result]

_RULES: dict[str, Rule] = {}
_FOR_INTEGERS: set[str] = set()


def rule(*operators: str, integers: bool = False) -> Callable[[Rule], Rule]:
    """Register the decorated function for ONNX operators by name, those of another domain as "domain::name".

    Its C computes with float32, and a node with computed inputs of other kinds is refused, unless `integers` says that
    the function looks at the kinds itself.

    It gets the node with inputs of known shapes, appends statements to the scope's program, and returns the node's
    outputs: tensors, or arrays where they are constants.
    """

    def register(function: Rule) -> Rule:
        for operator in operators:
            assert operator not in _RULES, operator
            _RULES[operator] = function
            if integers:
                _FOR_INTEGERS.add(operator)
        return function

    return register


def rule_for(operator: str) -> Rule | None:
    """The rule of an operator, or None."""
    return _RULES.get(operator)


def takes_integers(operator: str) -> bool:
    """Whether the rule of an operator looks at the kinds of its inputs."""
    return operator in _FOR_INTEGERS


def operators() -> tuple[str, ...]:
    """Every operator that has a rule, in alphabetical order."""
    return tuple(sorted(_RULES))
