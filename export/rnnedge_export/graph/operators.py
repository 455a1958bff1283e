"""The one table of operators: what each does with axes, and which parts of the project take it.

A row of `operator_rows.py` is all that a part needs to know of an operator besides its own rule:

- `kind` stands for a rule of every part where one rule serves many operators: a POINTWISE operator streams, moves its
  axes, and is read by the strict loader without a line of code of its own.
- `since` is the first opset of the operator. One that export's opsets lack has no row.
- The other columns name the parts that take it: `streams` has a streaming rule, `decomposed` is written with others
  that have one, `lengths` computes with lengths of sequences, `strict` may stand in an untrusted file, `fills`
  gives elements wherever its inputs have some, and `native` has a rule of the native compiler.

`tests/export/graph/test_operators.py` holds the table against every registry; `runtime_table.py` writes the part that
the runtime reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rnnedge_export.graph.operator_rows import ROWS

PARTS = ("streams", "decomposed", "lengths", "strict", "fills", "native")


class Kind(Enum):
    """What an operator does with the axes of its inputs."""

    POINTWISE = "pointwise"
    """Every number by itself; further inputs are scalars."""
    BROADCASTING = "broadcasting"
    """Every number by itself, operands aligned at the last axis."""
    ALONG_AXIS = "along-axis"
    """Along the axis of its attribute `axis`."""
    ARGUMENT = "argument"
    """Finds a place along the axis of its attribute `axis`, which goes without `keepdims`."""
    REDUCTION = "reduction"
    """Over the axes of its second input."""
    TRAILING = "trailing"
    """Over the axes from its attribute `axis` on."""
    OWN = "own"
    """As its own rules say."""


@dataclass(frozen=True)
class Operator:
    """One row; `name` is one of ONNX's own domain, or "domain::name"."""

    name: str
    since: int
    kind: Kind
    parts: frozenset[str]


def _read(line: str) -> Operator:
    name, since, kind, *parts = line.split()
    unknown = set(parts) - set(PARTS)
    assert not unknown, f"{name}: {unknown}"
    return Operator(name, int(since), Kind(kind), frozenset(parts))


OPERATORS: dict[str, Operator] = {row.name: row for row in map(_read, ROWS.strip().splitlines())}


def of_kind(kind: Kind) -> tuple[str, ...]:
    """The operators of one kind, in alphabetical order."""
    return tuple(sorted(row.name for row in OPERATORS.values() if row.kind is kind))


def taken_by(part: str) -> tuple[str, ...]:
    """The operators that one of `PARTS` takes, in alphabetical order."""
    assert part in PARTS, part
    return tuple(sorted(row.name for row in OPERATORS.values() if part in row.parts))
