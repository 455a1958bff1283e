"""`x.clamp(1e-8, 1)`: a float and a whole number given to one operator, for which torch.onnx finds no form."""

from __future__ import annotations

import torch
from torch._ops import OpOverload


def with_numbers_of_one_kind(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The same program, changed in place: whole numbers next to floats are floats, if the result is."""
    for node in program.graph.nodes:
        value, operator = node.meta.get("val"), node.target
        if not (isinstance(operator, OpOverload) and isinstance(value, torch.Tensor) and value.is_floating_point()):
            continue
        scalars = {i for i, one in enumerate(operator._schema.arguments) if "number" in str(one.real_type).lower()}
        numbers = {i: n for i, n in enumerate(node.args) if i in scalars and type(n) in (int, float)}
        if len({type(n) for n in numbers.values()}) == 2:
            node.args = tuple(float(numbers[i]) if i in numbers else each for i, each in enumerate(node.args))
    return program
