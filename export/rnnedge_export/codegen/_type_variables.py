"""Which inputs of an operator have one type, as its schema in the ONNX specification says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import onnx


def type_variables(operator: str, opset: int) -> Iterator[str]:
    """The type variable of each input in order, such as "T"; the last one is that of all further inputs.

    Of an operator that ONNX does not define ("domain::name") nothing is known.
    """
    if not onnx.defs.has(operator):
        return
    declared = onnx.defs.get_schema(operator, opset).inputs
    for one in declared:
        yield one.type_str
    if declared:
        yield from repeat(declared[-1].type_str)
