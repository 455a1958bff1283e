"""The rows of the table, and the questions that are asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rnnedge_runtime.untrusted.operator_table.allowed import STRICT
from rnnedge_runtime.untrusted.operator_table.attributes import Kind
from rnnedge_runtime.untrusted.operator_table.node import Node, Shape

ANY = 1 << 16
"""As many inputs or outputs as the limits of a file allow."""

Types = Sequence["str | None"]
Shapes = Sequence[Shape | None]
_SAME = "same"


@dataclass(frozen=True)
class Row:
    """What one operator may be; the package's docstring says what the columns mean."""

    inputs: tuple[int, int]
    outputs: tuple[int, int] = (1, 1)
    optional_inputs: tuple[int, ...] = ()
    optional_outputs: bool = False
    attributes: Mapping[str, Kind] = field(default_factory=dict)
    result: str | Callable[[Node], Types] = _SAME
    check: Callable[[Node], None] | None = None
    shapes: Callable[[Node], Shapes] | None = None


_ROWS: dict[str, Row] = {}


def rows(names: str, row: Row) -> None:
    """Allow each operator of `names`, which are separated by blanks and in `STRICT`, as `row` says."""
    for name in names.split():
        assert name in STRICT and name not in _ROWS, name
        _ROWS[name] = row


def operators() -> frozenset[str]:
    """Every operator of the table; those of another domain as "domain::name"."""
    return frozenset(_ROWS)


def row_of(operator: str) -> Row:
    """The row of an operator that is in the table."""
    return _ROWS[operator]


def check_node(node: Node) -> None:
    """Raise `ModelRefused` for the first thing about `node` that its row does not allow."""
    row = _ROWS.get(node.operator)
    if row is None:
        node.refuse("an operator that rnnedge writes", repr(node.operator[:60]))
    _check_counts(node, row)
    _check_attributes(node, row)
    if row.check is not None:
        row.check(node)


def result_types(node: Node) -> Types:
    """The types of the outputs of a node that `check_node` has passed; None, or a short list, where not known."""
    result = _ROWS[node.operator].result
    if callable(result):
        return result(node)
    return (node.type(0) if result == _SAME else result,) * len(node.outputs)


def result_shapes(node: Node) -> Shapes:
    """The shapes of the outputs of a node that `check_node` has passed; None where not known.

    Raises `ModelRefused` where shapes, attributes and constants of the node contradict each other.
    """
    shapes = _ROWS[node.operator].shapes
    found = tuple(shapes(node)) if shapes is not None else ()
    return (found + (None,) * len(node.outputs))[: len(node.outputs)]


def _check_counts(node: Node, row: Row) -> None:
    name = node.operator
    for what, found, (low, high) in (("inputs", node.inputs, row.inputs), ("outputs", node.outputs, row.outputs)):
        if not low <= len(found) <= high:
            node.refuse(f"{low} to {high} {what} of {name}" if low < high else f"{low} {what} of {name}", len(found))
    for k, value in enumerate(node.inputs):
        # An input after all others is left out by not naming it.
        if not value and (k not in row.optional_inputs or k == len(node.inputs) - 1):
            node.refuse(f"the name of every input of {name}", "an empty one")
    if "" in node.outputs and not row.optional_outputs:
        node.refuse(f"the name of every output of {name}", "an empty one")


def _check_attributes(node: Node, row: Row) -> None:
    for name, value in node.attributes.items():
        kind = row.attributes.get(name)
        if kind is None:
            node.refuse(f"no attribute of {node.operator} but {', '.join(row.attributes) or 'none'}", repr(name[:60]))
        wrong = kind.wrong(value)
        if wrong:
            node.refuse(f"{wrong} as attribute {name!r}", value)
    for name, kind in row.attributes.items():
        if kind.required and name not in node.attributes:
            node.refuse(f"the attribute {name!r} of {node.operator}", "none")
