"""Rules compute with float32; only those that look at the kinds of their inputs take whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from one_node import Case, compiled
from refusals import refused

from rnnedge_export.codegen._ir.weights import Weights

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
