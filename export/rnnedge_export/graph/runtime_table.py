"""The part of the operator table that the strict loader reads, written into the runtime as data.

Usage: python -m rnnedge_export.graph.runtime_table

1. Every operator that an untrusted file may use, and every one that gives elements wherever its inputs have
   some.
2. The whole row of a pointwise or broadcasting operator that has no attributes but numbers: how many inputs it takes,
   the names of its attributes, and the type of its result, as the ONNX operator specification has them.
"""

from __future__ import annotations

from pathlib import Path

import onnx

import rnnedge_runtime
from rnnedge_export.graph.operators import Kind, of_kind, taken_by
from rnnedge_runtime.atomic import write_text

NEWEST = 22
"""The newest opset that export writes."""
TARGET = Path("untrusted/operator_table/allowed.py")
_ANY = 1 << 16
# Their first input has the shape of the result; the others fit into it.
_ASYMMETRIC = ("Clip", "PRelu")
_HEAD = '''"""Operators that a file may use: data, written by `python -m rnnedge_export.graph.runtime_table`.

To change it, change the table of operators in `rnnedge_export.graph.operator_rows`, and run that again.
"""

from __future__ import annotations
'''


def runtime_table() -> str:
    """The text of the runtime's module."""
    parts = [
        _HEAD,
        f'STRICT = frozenset(\n    """\n{_wrapped(taken_by("strict"))}\n    """.split()\n)',
        f'FILLS = frozenset(\n    """\n{_wrapped(taken_by("fills"))}\n    """.split()\n)',
        '"""Operators that give elements wherever their inputs have some, or an error; others may leave nothing."""\n',
        "Elementwise = dict[str, tuple[tuple[int, int], tuple[str, ...], str]]",
        '"""By operator: least and most inputs, attributes that are numbers, and the type of the result."""',
        *(f"{kind.name}: Elementwise = {{\n{_rows(kind)}}}" for kind in (Kind.POINTWISE, Kind.BROADCASTING)),
    ]
    return "\n".join(parts) + "\n"


def _rows(kind: Kind) -> str:
    strict = set(taken_by("strict"))
    return "".join(filter(None, (_row(name) for name in of_kind(kind) if name in strict)))


def _row(name: str) -> str:
    """Case 2; "" for an operator that has conditions of its own."""
    schema = onnx.defs.get_schema(name, NEWEST)
    numbers = [a.name for a in schema.attributes.values() if a.type == onnx.defs.OpSchema.AttrType.FLOAT]
    types = {one.type_str for one in schema.inputs}
    if len(numbers) < len(schema.attributes) or len(schema.outputs) > 1 or len(types) > 1 or name in _ASYMMETRIC:
        return ""
    inputs = schema.min_input, min(schema.max_input, _ANY)
    result = schema.outputs[0].type_str
    allowed = next((one.allowed_type_strs for one in schema.type_constraints if one.type_param_str == result), [result])
    row = inputs, tuple(sorted(numbers)), "bool" if list(allowed) == ["tensor(bool)"] else "same"
    return f'    "{name}": {row!r},\n'.replace("'", '"')


def _wrapped(names: tuple[str, ...]) -> str:
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > 110:
            lines.append("")
        lines[-1] += f" {name}" if lines[-1] else name
    return "\n".join(f"    {line}" for line in lines)


if __name__ == "__main__":
    write_text(str(Path(rnnedge_runtime.__file__).parent / TARGET), runtime_table())
