"""Which whole numbers a file takes is asked of its source: PyTorch's embedding has no row -1, and its indexing has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from rnnedge_export.capture import read_example
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.reference import Reference
from rnnedge_export.verification import ModuleOracle
from rnnedge_export.verification.number_ranges import with_ranges
from rnnedge_runtime import Contract, Port


class Of(nn.Module):
    """What a function makes of the tables and the numbers."""

    def __init__(self, function: Callable[[nn.Embedding, nn.Embedding, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.one, self.two = nn.Embedding(10, 3), nn.Embedding(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.one, self.two, x)


@pytest.mark.parametrize(
    ("function", "features", "expected"),
    [
        (lambda one, _, x: one(x), (), (0, 9)),
        (lambda one, _, x: one.weight[x], (), (-10, 9)),
        (lambda one, _, x: one(x - 2), (), None),
        (lambda one, _, x: one(x + 2), (), (-2, 7)),
        (lambda one, _, x: one(x.clamp(0, 9)), (), None),
        (lambda one, _, x: x[..., None] * one.weight[0], (), None),
        (lambda one, two, x: one(x[..., 0]) + two(x[..., 1]), (2,), (0, 9)),
        (lambda one, two, x: one(x[..., 0]) + x[..., 1:], (2,), None),
        (lambda one, two, x: one(x).sum(-2), (9,), None),
    ],
    ids=["embedding", "indexing", "without 0", "from -2", "clamped", "any", "two tables", "one of two", "many"],
)  # fmt: skip
def test_the_source_says_which_numbers_it_takes(
    function: Callable[[nn.Embedding, nn.Embedding, Tensor], Tensor],
    features: tuple[int, ...],
    expected: tuple[int, int] | None,
) -> None:
    """Each feature by itself, and no feature is refused what it takes; without an end there is no range."""
    module = Of(function)
    example = torch.full((1, 6, *features), 3)
    given = read_example(example, 0, 1, module)
    reference = Reference(ModuleOracle(module, example, given), given, Lengths())
    port = Port("x", "int64", ("batch", "time", *features), 0, 1)
    contract = Contract((port,), (replace(port, name="y", dtype="float32"),), (), form="native", opset=20)
    assert with_ranges(contract, reference).inputs[0].range == expected
    floats = replace(contract, inputs=(replace(port, dtype="float32"),))
    assert with_ranges(floats, reference).inputs[0].range is None
