"""Which inputs of an operator have one type, as its schema in the ONNX specification says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import onnx


def type_variables(operator: str, opset: int) -> Iterator[str]:
    """The type variable of each input in order, such as "T"; the last one is that of all further inputs.

    Nothing where inputs may have types of their own, as those of Scan, and of an operator that ONNX does not define
    ("domain::name").
    """
    declared = onnx.defs.get_schema(operator, opset).inputs if onnx.defs.has(operator) else ()
    if not declared or not all(one.is_homogeneous for one in declared):
        return
    for one in declared:
        yield one.type_str
    yield from repeat(declared[-1].type_str)
