"""The operator table as a page.

Usage: python -m rnnedge_export.graph.catalogue docs/figures/operator-table.md
"""

from __future__ import annotations

import sys

from rnnedge_export.graph.operators import OPERATORS, Operator
from rnnedge_runtime.atomic import write_text

_HEAD = """| Operator | Since opset | Axes | Streams | Loads with `trust="strict"` | Native engine |
|---|---|---|---|---|---|
"""


def catalogue() -> str:
    """One row per operator, in Markdown."""
    return _HEAD + "".join(map(_row, OPERATORS.values()))


def _row(operator: Operator) -> str:
    parts = operator.parts
    streams = "yes" if "streams" in parts else "as others" if "decomposed" in parts else ""
    columns = (streams, *("yes" if part in parts else "" for part in ("strict", "native")))
    return f"| {operator.name} | {operator.since} | {operator.kind.value} | {' | '.join(columns)} |\n"


if __name__ == "__main__":
    write_text(sys.argv[1], catalogue())
