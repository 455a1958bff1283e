"""The table of the native engine's operators, written from the rules' own docstrings.

Usage: python -m rnnedge_export.codegen.catalogue docs/figures/native-operators.md
"""

from __future__ import annotations

import inspect
import sys

from rnnedge_export.codegen import lower as families
from rnnedge_export.codegen._nodes.constant_folding import computed
from rnnedge_export.codegen._nodes.product_fusion import PRODUCT
from rnnedge_export.codegen.lower._registry import operators, rule_for
from rnnedge_runtime.atomic import write_text

__all__ = ["catalogue", "families"]


def catalogue() -> str:
    """One row per rule, in Markdown: its family, its operators, the first sentence of what it does."""
    rows: dict[tuple[str, str], list[str]] = {}
    for operator in operators():
        rule = rule_for(operator)
        assert rule is not None
        if operator != PRODUCT:
            key = rule.__module__.rpartition(".")[2], " ".join((inspect.getdoc(rule) or "").split())
            rows.setdefault(key, []).append(operator)
    rows["constants", " ".join((inspect.getdoc(computed) or "").split())] = ["Range", "Shape", "Size"]
    lines = [f"| {family} | {', '.join(names)} | {text} |" for (family, text), names in sorted(rows.items())]
    return "\n".join(["| Family | Operators | What is supported |", "|---|---|---|", *lines]) + "\n"


if __name__ == "__main__":
    write_text(sys.argv[1], catalogue())
