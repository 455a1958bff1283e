"""The part of the operator table that the strict loader reads, written into the runtime as data.

Usage: python -m rnnedge_export.graph.runtime_table

1. Every operator that a file from somebody else may use, and every one that gives elements wherever its inputs have
   some.
2. The whole row of a pointwise or broadcasting operator that has no attributes but numbers: how many inputs it takes,
   the names of its attributes, and the type of its result, as the ONNX operator specification has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx

import rnnedge_runtime
from rnnedge_export.graph.operators import Kind, of_kind, taken_by
from rnnedge_runtime.atomic import write_text

NEWEST = 22
"""The newest opset that export writes."""
TARGET = Path("careful/operator_table/allowed.py")
_ANY = 1 << 16
_HEAD = '''"""Operators that a file may use: data, written by `python -m rnnedge_export.graph.runtime_table`.

To change it, change the table of operators in `rnnedge_export.graph.operator_rows`, and run that again.
"""

from __future__ import annotations
'''


def runtime_table() -> str:
    """The text of the runtime's module."""
    rows = "".join(f'    "{name}": {row!r},\n'.replace("'", '"') for name, row in _elementwise())
    parts = [
        _HEAD,
        f'STRICT = frozenset(\n    """\n{_wrapped(taken_by("strict"))}\n    """.split()\n)',
        f'FILLS = frozenset(\n    """\n{_wrapped(taken_by("fills"))}\n    """.split()\n)',
        '"""Operators that give elements wherever their inputs have some, or an error; others may leave nothing."""\n',
        f"ELEMENTWISE: dict[str, tuple[int, int, tuple[str, ...], str]] = {{\n{rows}}}",
        '"""Least and most inputs, attributes that are numbers, and the type of the result."""\n',
    ]
    return "\n".join(parts)


def _elementwise() -> Iterator[tuple[str, tuple[int, int, tuple[str, ...], str]]]:
    """Case 2."""
    strict = set(taken_by("strict"))
    for name in sorted({*of_kind(Kind.POINTWISE), *of_kind(Kind.BROADCASTING)} & strict):
        schema = onnx.defs.get_schema(name, NEWEST)
        attributes = [a.name for a in schema.attributes.values() if a.type == onnx.defs.OpSchema.AttrType.FLOAT]
        plain = len(attributes) == len(schema.attributes) and len(schema.outputs) == 1
        same = len({one.type_str for one in schema.inputs}) == 1
        if plain and same:
            result = "same" if schema.outputs[0].type_str == schema.inputs[0].type_str else "bool"
            yield name, (schema.min_input, min(schema.max_input, _ANY), tuple(attributes), result)


def _wrapped(names: tuple[str, ...]) -> str:
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > 110:
            lines.append("")
        lines[-1] += f" {name}" if lines[-1] else name
    return "\n".join(f"    {line}" for line in lines)


if __name__ == "__main__":
    write_text(str(Path(rnnedge_runtime.__file__).parent / TARGET), runtime_table())
