"""Shapes, attributes and constants of one node fit each other, or the node is refused, by the table that all ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge_runtime import ModelRefused
from rnnedge_runtime.untrusted.operator_table import Node, Shape, check_node, operators, result_shapes
from rnnedge_runtime.untrusted.operator_table.table import row_of


@dataclass(frozen=True)
class One:
    """A node: inputs are shapes, or arrays where they are constants; `gives` is the shape of its first output."""

    operator: str
    inputs: tuple[Any, ...]
    gives: Shape | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    outputs: int = 1

    def node(self, *, forget: bool = False) -> Node:
        """As the table sees it; `forget`: without a dim of what is no constant."""
        names = ["" if one is None else f"x{k}" for k, one in enumerate(self.inputs)]
        shapes = {
            name: one.shape if isinstance(one, np.ndarray) else tuple(None for _ in one) if forget else one
            for name, one in zip(names, self.inputs, strict=True)
            if one is not None
        }
        constants = {n: one for n, one in zip(names, self.inputs, strict=True) if isinstance(one, np.ndarray)}
        outputs = tuple(f"y{k}" for k in range(self.outputs))
        known = (shapes.get, lambda _: "float32", constants.get)
        return Node(self.operator, tuple(names), outputs, self.attributes, *known, "node 'n'")


def _i(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def _f(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


_LAYER = {"hidden_size": 4}
_PASTE = {"axis": 1}
# What is right, and changes of it that are wrong: (input, its shape or array), or a dict of attributes.
CASES: list[tuple[One, list[tuple[int, Any] | dict[str, Any]]]] = [
    (
        One("GRU", ((3, 2, 5), (1, 12, 5), (1, 12, 4), (1, 24), None, (1, 2, 4)), (3, 1, 2, 4), _LAYER),
        [{"hidden_size": 2}, {"direction": "bidirectional"}, (1, (1, 12, 6)), (1, (1, 8, 5)), (1, (2, 12, 5)),
         (2, (1, 12, 5)), (2, (1, 16, 4)), (3, (1, 12)), (5, (1, 3, 4)), (5, (2, 2, 4)), (0, (0, 2, 5)),
         (0, (3, 0, 5)), (0, (3, 2)), {"activations": ["Tanh"]}],
    ),
    (
        One("LSTM", ((3, 2, 5), (2, 16, 5), (2, 16, 4), (2, 32), _i(3, 1), (2, 2, 4), (2, 2, 4), (2, 12)),
            (3, 2, 2, 4), {"hidden_size": 4, "direction": "bidirectional"}),
        [(4, _i(4, 1)), (4, _i(0, 1)), (4, _i(1)), (6, (2, 2, 5)), (7, (2, 4)), (1, (2, 12, 5)),
         {"direction": "reverse"}],
    ),
    (One("RNN", ((3, 2, 5), (1, 4, 5), (1, 4, 4)), (3, 1, 2, 4)), [(1, (1, 512, 5)), (2, (1, 4, 512))]),
    (
        One("Conv", ((2, 4, 9), (6, 2, 3), (6,)), (2, 6, 4), {"group": 2, "strides": [2], "pads": [0, 0]}),
        [(1, (6, 3, 3)), (1, (5, 2, 3)), (1, (6, 2, 10)), (1, (6, 2, 0)), (1, (6, 2, 3, 1)), (2, (5,)), (2, (6, 1)),
         {"kernel_shape": [2]}, {"strides": [1, 1]}, {"pads": [1]}, {"dilations": [5]}, {"group": 3},
         {"auto_pad": "VALID", "pads": [1, 1]}, (0, (2, 34, 9)), (0, (2, 4))],
    ),
    (
        One("ConvTranspose", ((2, 4, 9), (4, 3, 3), (6,)), (2, 6, 17),
            {"group": 2, "strides": [2], "pads": [1, 2], "output_padding": [1]}),
        [(1, (34, 3, 3)), (1, (4, 3, 0)), (2, (3,)), {"output_padding": [2]}, {"output_padding": [-3]},
         {"strides": [-1]}, {"group": 3}, {"pads": [10, 10]}, {"kernel_shape": [4096]}],
    ),
    (One("MatMul", ((5, 1, 3, 2), (4, 2, 7)), (5, 4, 3, 7)), [(1, (4, 3, 7)), (1, ()), (0, (5, 3, 3, 2))]),
    (One("MatMul", ((3,), (3,)), ()), [(0, (2,))]),
    (One("Gemm", ((3, 2), (4, 2), (4,)), (3, 4), {"transB": 1}),
     [(1, (2, 4)), (2, (5,)), (2, (3,)), (2, (1, 3, 4)), (0, (3, 2, 1))]),
    (One("Add", ((2, 1, 3), (5, 1)), (2, 5, 3)), [(1, (5, 2)), (1, (0,))]),
    (One("Where", ((2, 1), (1, 3), ()), (2, 3)), [(2, (4,))]),
    (One("PRelu", ((2, 3), (3,)), (2, 3)), [(1, (2,)), (1, (4, 2, 3))]),
    (One("Clip", ((2, 3), (), ()), (2, 3)), [(1, (3,))]),
    (One("Concat", ((2, 3), (2, 1)), (2, 4), _PASTE), [(1, (3, 1)), (1, (2,)), {"axis": 2}, {"axis": -3}]),
    (One("Split", ((2, 7), _i(3, 4)), (2, 3), _PASTE, 2),
     [(1, _i(3, 5)), (1, _i(-1, 8)), (1, _i(7)), {"axis": 2}]),
    (One("Split", ((2, 7),), (2, 3), _PASTE, 3), [(0, (2, 1)), (0, (2,))]),
    (One("Slice", ((9, 4), _i(-3), _i(1 << 62), _i(0), _i(2)), (2, 4)),
     [(3, _i(2)), (4, _i(0)), (2, _i(1, 2)), (3, _i(-3)), (1, _f(1))]),
    (One("Slice", ((9, 4), _i(7, 0), _i(-99, 9)), (0, 4)), [(1, _i(7, 0, 0))]),
    (One("Slice", ((9,), _i(7), _i(-99), _i(0), _i(-3)), (3,)), [(3, _i(0, 0))]),
    (One("Gather", ((5, 3), _i(-5, 4)), (2, 3)), [(1, _i(5)), (1, _i(-6)), {"axis": 2}]),
    (One("GatherElements", ((5, 3), np.array([[4, -5, 0]])), (1, 3)), [(1, np.array([[5]])), (1, _i(0)), (1, (1, 4))]),
    (One("GatherND", ((5, 3, 2), np.array([[4, -3]])), (1, 2)),
     [(1, np.array([[4, 3]])), (1, np.array([[0, 0, 0, 0]])), {"batch_dims": 2}, {"batch_dims": -2}]),
    (One("ArgMax", ((2, 3),), (1, 3)), [{"axis": 2}, (0, (0, 3))]),
    (One("Reshape", ((2, 6), _i(0, -1, 3)), (2, 2, 3)),
     [(1, _i(5, -1)), (1, _i(-1, -1)), (1, _i(2, 5)), (1, _i(1, 1, 0)), (1, _i(-2, 6))]),
    (One("Flatten", ((2, 3, 4),), (2, 12)), [{"axis": 4}]),
    (One("Squeeze", ((1, 3), _i(0)), (3,)), [(1, _i(1)), (1, _i(2)), (1, _i(0, 0))]),
    (One("Unsqueeze", ((3,), _i(0, -1)), (1, 3, 1)), [(1, _i(3)), (1, _i(0, 0))]),
    (One("Transpose", ((2, 3),), (3, 2), {"perm": [1, 0]}), [{"perm": [1, 1]}, {"perm": [0]}, {"perm": [2, 0]}]),
    (One("Expand", ((3, 1), _i(2, 1, 4)), (2, 3, 4)), [(1, _i(2, 4)), (1, _i(-1))]),
    (One("Tile", ((3, 1), _i(2, 4)), (6, 4)), [(1, _i(2)), (1, _i(-1, 1))]),
    (One("Pad", ((4,), _i(-1, 3)), (6,)), [(1, _i(1)), (1, _i(-3, -2)), (1, _i(1, 1, 1))]),
    (One("Pad", ((4,), _i(3, 0)), (7,), {"mode": "reflect"}), [(1, _i(4, 0)), (0, (0,))]),
    (One("Range", (_i(0).reshape(()), _i(7).reshape(()), _i(2).reshape(())), (4,)), [(2, _i(0)), (1, _i(1, 2))]),
    (One("Resize", ((1, 2, 4), None, _f(1, 1, 2.5)), (1, 2, 10)),
     [(2, _f(1, 2)), (2, _f(1, 1, 0)), (2, _f(1, 1, -1)), (2, _f(1, 1, 0.1)), (2, _f(1, 1, np.inf))]),
    (One("Resize", ((1, 2, 4), None, None, _i(1, 2, 3)), (1, 2, 3)), [(3, _i(1, 2, 0)), (3, _i(1, 2)), (0, (1, 2, 0))]),
    (One("MaxPool", ((1, 2, 9),), (1, 2, 4), {"kernel_shape": [3], "strides": [2], "pads": [1, 0], "ceil_mode": 0}),
     [{"kernel_shape": [12]}, {"pads": [3, 0]}, {"kernel_shape": [1, 1]}, {"strides": [0]}, (0, (1, 2))]),
    (One("GlobalAveragePool", ((1, 2, 9),), (1, 2, 1)), [(0, (1, 2)), (0, (1, 2, 0))]),
    (One("ReduceSum", ((2, 3), _i(-1)), (2,), {"keepdims": 0}), [(1, _i(2)), (1, _i(0, 0))]),
    (One("CumSum", ((2, 3), _i(1).reshape(())), (2, 3)), [(1, _i(2)), (1, _i(0, 1))]),
    (One("Softmax", ((2, 3),), (2, 3), {"axis": 1}), [{"axis": 2}]),
    (One("LayerNormalization", ((2, 3, 4), (3, 4), (4,)), (2, 3, 4), {"axis": 1}),
     [(1, (2, 3, 4)), (2, (3,)), {"axis": 3}]),
    (One("BatchNormalization", ((2, 3), (3,), (3,), (3,), (3,)), (2, 3)),
     [(k, (2,)) for k in range(1, 5)] + [(0, (3,))]),
    (One("GroupNormalization", ((2, 6, 4), (6,), (6,)), (2, 6, 4), {"num_groups": 3}), [{"num_groups": 4}, (1, (4,))]),
    (One("QuantizeLinear", ((2, 3), (3,), (3,)), (2, 3)), [(1, (2,)), (2, (2,)), (2, ())]),
    (
        One("com.microsoft::MatMulNBits", ((2, 20), np.zeros((3, 2, 16), np.uint8), _f(*[1] * 6)), (2, 3),
            {"K": 20, "N": 3, "bits": 8, "block_size": 16}),
        [(0, (2, 21)), (1, np.zeros((3, 1, 16), np.uint8)), (2, _f(1)), {"N": 4}, {"K": 33}],
    ),
    (
        One("com.microsoft::MatMulIntegerToFloat",
            ((2, 5), np.zeros((5, 3), np.int8), _f(1), _f(1), np.zeros(1, np.uint8), np.zeros(1, np.int8)), (2, 3)),
        [(0, (2, 4)), (3, _f(1, 1)), (1, np.zeros(5, np.int8))],
    ),
]  # fmt: skip


def _changed(right: One, change: tuple[int, Any] | dict[str, Any]) -> One:
    if isinstance(change, dict):
        return One(right.operator, right.inputs, None, {**right.attributes, **change}, right.outputs)
    inputs = list(right.inputs)
    inputs[change[0]] = change[1]
    return One(right.operator, tuple(inputs), None, right.attributes, right.outputs)


def _ask(node: Node) -> Shape | None:
    """The shape of the first output."""
    check_node(node)
    return result_shapes(node)[0]


@in_one_test("case", CASES, ids=[f"{right.operator}-{k}" for k, (right, _) in enumerate(CASES)])
def test_what_contradicts_itself_is_refused(case: tuple[One, list[Any]]) -> None:
    """Each change of a node that is right, by its place, in one line; the shape of the right one is foretold."""
    right, changes = case
    assert _ask(right.node()) == right.gives
    for change in changes:
        wrong = _changed(right, change).node()
        with pytest.raises(ModelRefused, match=r"^node 'n': expected [^\n]*, found [^\n]*$"):
            _ask(wrong)


@in_one_test("case", CASES, ids=[f"{right.operator}-{k}" for k, (right, _) in enumerate(CASES)])
def test_what_is_not_known_is_passed_over(case: tuple[One, list[Any]]) -> None:
    """Without the dims of what is computed nothing is refused, and nothing that is foretold is wrong."""
    right = case[0]
    found = _ask(right.node(forget=True))
    if found is not None:
        assert right.gives is not None and len(found) == len(right.gives)
        assert all(a in (None, b) for a, b in zip(found, right.gives, strict=True))


def test_every_operator_foretells_its_shapes() -> None:
    """But for Scan, whose body does."""
    assert {name for name in operators() if row_of(name).shapes is None} == {"Scan"}
