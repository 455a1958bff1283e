"""Which rule follows time through which operator. An operator without a rule is refused, never guessed."""

from __future__ import annotations

from collections.abc import Callable

from rnnedge_export.graph.operators import taken_by
from rnnedge_export.streaming.facts import Rule

_RULES: dict[str, Rule] = {}
_STREAMS = frozenset(taken_by("streams"))


def rule(*op_types: str) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of operators of the operator table, by their names there."""

    def register(function: Rule) -> Rule:
        for op_type in op_types:
            assert op_type in _STREAMS and op_type not in _RULES, op_type
            _RULES[op_type] = function
        return function

    return register


def rule_for(op_type: str) -> Rule | None:
    """The rule of an operator by its name in the operator table, or None."""
    return _RULES.get(op_type)


def operators() -> tuple[str, ...]:
    """Every operator that has a rule, in alphabetical order."""
    return tuple(sorted(_RULES))
