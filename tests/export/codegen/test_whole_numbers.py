"""Rules compute with float32; only those that look at the kinds of their inputs take whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from one_node import Case, compiled
from refusals import refused

from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_runtime.errors import ModelRefused

_SQUARE = np.arange(9, dtype=np.int64).reshape(3, 3)
_IMAGE = np.arange(16, dtype=np.int32).reshape(1, 1, 4, 4)


def _cases(kind: type) -> dict[str, Case]:
    square, image = _SQUARE.astype(kind), _IMAGE.astype(kind)
    sizes = np.array([1, 1, 8, 8], np.int64)
    return {
        "computed matrices": Case("MatMul", [square, square]),
        "a constant on the left": Case("MatMul", [square, square], fixed={0}),
        "a constant on the right": Case("MatMul", [square, square], fixed={1}),
        "a square": Case("Pow", [square, np.array(2, kind)], fixed={1}),
        "another size": Case("Resize", [image, None, None, sizes], {"mode": "nearest"}, fixed={3}),
    }


@pytest.mark.parametrize("name", _cases(np.int32))
def test_whole_numbers_never_reach_a_rule_for_floats(name: str) -> None:
    """What would read their bits as float32 is refused; of floats the same node is written."""
    refused(_cases(np.int32)[name], "whole numbers is not supported")
    case = _cases(np.float32)[name]
    compiled(case, case.expected(), Weights())


_FLOATS, _WHOLE, _TRUE = np.ones(3, np.float32), np.ones(3, np.int64), np.ones(3, np.bool_)
_MIXED = {
    "a sum": Case("Add", [_FLOATS, _WHOLE]),
    "a sum with a constant": Case("Add", [_FLOATS, _WHOLE], fixed={1}),
    "a sum with a constant in front": Case("Sub", [_WHOLE, _FLOATS], fixed={0}),
    "the third of many": Case("Max", [_FLOATS, _FLOATS, _WHOLE]),
    "a comparison": Case("Less", [_WHOLE, _FLOATS]),
    "both branches": Case("Where", [_TRUE, _FLOATS, _WHOLE]),
    "a limit": Case("Clip", [_FLOATS, np.array(1)], fixed={1}),
    "a remainder": Case("Mod", [_WHOLE, _FLOATS], {"fmod": 1}),
    "parts that are joined": Case("Concat", [_FLOATS, _WHOLE], {"axis": 0}),
    "what pads": Case("Pad", [_FLOATS, np.array([1, 1]), np.array(2)], {"mode": "constant"}, fixed={1, 2}),
    "a matrix": Case("MatMul", [_FLOATS, np.ones((3, 2), np.int64)], fixed={1}),
}


@pytest.mark.parametrize("name", _MIXED)
def test_one_type_variable_is_one_type(name: str) -> None:
    """Floats next to whole numbers, which ONNX does not allow, never reach a formula of one of them."""
    with pytest.raises(ModelRefused, match=r"node': .*expected one type"):
        compiled(_MIXED[name], [_FLOATS], Weights())
