"""The page "What can be streamed": every operator with its rule, written from the rules' own docstrings.

Usage: python -m rnnedge_export.streaming.catalogue docs/figures/operators.md
"""

from __future__ import annotations

import inspect
import sys

from rnnedge_export.streaming._registry import operators, rule_for
from rnnedge_runtime.atomic import write_text


def catalogue() -> str:
    """One section per rule, in Markdown: its operators, its family, its cases."""
    sections: dict[str, tuple[list[str], str, str]] = {}
    for operator in operators():
        rule = rule_for(operator)
        assert rule is not None
        family = rule.__module__.rpartition(".")[2].lstrip("_")
        names, _, _ = sections.setdefault(rule.__qualname__ + family, ([], family, inspect.getdoc(rule) or ""))
        names.append(operator)
    parts = []
    for names, family, text in sorted(sections.values(), key=lambda section: (section[1], section[0])):
        parts.append(f"### {', '.join(names)}\n\nFamily `{family}`.\n\n{_as_markdown(text)}\n")
    return "\n".join(parts)


def _as_markdown(text: str) -> str:
    """Cases become list items of their own."""
    lines: list[str] = []
    for line in text.splitlines():
        first = line.lstrip()[:2]
        if first[:1].isdigit() and first[1:] == "." and lines and lines[-1].strip():
            lines.append("")
        lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    write_text(sys.argv[1], catalogue())
