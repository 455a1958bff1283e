"""A `squeeze()` in forward also takes away the batch of one sequence: the file keeps it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import quickly
import torch
from in_one_test import in_one_test
from torch import Tensor, nn

from rnnedge_runtime import load

Results = Callable[[nn.Module, Tensor, Tensor], Tensor]


class Net(nn.Module):
    """A GRU with a head of one number, and what `results` makes of frames and last state."""

    def __init__(self, results: Results) -> None:
        super().__init__()
        self.gru, self.out, self.results = nn.GRU(4, 6, batch_first=True), nn.Linear(6, 1), results

    def forward(self, x: Tensor) -> Tensor:
        y, h = self.gru(x)
        return self.results(self.out, y, h)


CASES: dict[str, tuple[Results, tuple[str, ...]]] = {
    "last state": (lambda out, y, h: torch.squeeze(out(h[-1])), ("batch",)),
    "mean": (lambda out, y, h: out(y.mean(1)).squeeze(), ("batch",)),
    "flatten": (lambda out, y, h: out(h[-1]).flatten(), ("batch",)),
    "every frame": (lambda out, y, h: out(y).squeeze(), ("time", "batch")),
    "squeezed before the head": (lambda out, y, h: out(h.squeeze()), ("batch", "1")),
}


@in_one_test("name", CASES)
def test_the_batch_is_kept(name: str, tmp_path: Path) -> None:
    """The proof compares one sequence with the module too, which gives it without the axis."""
    results, shape = CASES[name]
    quickly.export(Net(results).eval(), torch.randn(2, 9, 4), tmp_path / "net.onnx")
    (port,) = load(tmp_path / "net.onnx").contract.outputs
    assert tuple(map(str, port.shape)) == shape
