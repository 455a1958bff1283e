"""A file is not held to the rounding of its source, which shows with the functions of the runtime as well."""

from __future__ import annotations

from pathlib import Path

import pytest
import quickly
import torch
from in_one_test import in_one_test
from torch import Tensor, nn

from rnnedge_export import Effort
from rnnedge_export.capture import read_example
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.reference import Reference
from rnnedge_export.verification import ModuleOracle
from rnnedge_export.verification.comparison import Comparison
from rnnedge_export.verification.runtime_functions import RuntimeFunctions
from rnnedge_runtime import Model, load

X = torch.zeros(2, 8, 3)
QUICK = Effort(lengths=(1, 7), batches=(1,), signals=(), roads=(), frames=64)


class Slow(nn.Module):
    """Two GRUs. The update gates of one are within 1e-6 of 1, where float32 has steps of 6e-8: it forgets nothing."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.slow, self.usual = nn.GRU(3, 8, batch_first=True), nn.GRU(3, 8, batch_first=True)
        with torch.no_grad():
            self.slow.bias_ih_l0[8:16] += 14.3
            for weight in (self.slow.weight_ih_l0, self.slow.weight_hh_l0):
                weight[8:16] *= 0.02

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = 10 * self.slow(x)[0] + self.usual(x)[0]
        return y


def _moved(gru: nn.GRU) -> None:
    gru.bias_ih_l0[16:] += 1e-4


def _swapped(gru: nn.GRU) -> None:
    gru.weight_hh_l0[:16] = gru.weight_hh_l0[:16].roll(8, 0)


def _ratio(model: Model, module: nn.Module, frames: Tensor) -> float:
    """The error of the worst value, in tolerances."""
    given = read_example(X, 0, 1, module)
    reference = Reference(ModuleOracle(module, X, given), given, Lengths())
    return Comparison(model, reference).streamed({"x": frames.numpy()}).ratio


def test_what_a_slow_unit_adds_up_is_rounding_and_a_wrong_weight_is_not(tmp_path: Path) -> None:
    """An ulp that is always the same, frame by frame; a bias that is off by 0.0001, and swapped gates."""
    quickly.export(Slow(), X, tmp_path / "m.onnx", effort=QUICK)
    model = load(tmp_path / "m.onnx")
    torch.manual_seed(4)
    frames = torch.randn(1, 4000, 3)
    assert _ratio(model, Slow(), frames) <= 1
    for wrong in (_moved, _swapped):
        module = Slow()
        with torch.no_grad():
            wrong(module.usual)
        assert _ratio(model, module, frames[:, :100]) > 2


class Nearly(nn.Module):
    """A GRU over features, both ways, whose features are nearly equal where it saturates: the norm shows every ulp."""

    def __init__(self) -> None:
        super().__init__()
        self.across, self.norm = nn.GRU(1, 1, batch_first=True, bidirectional=True), nn.LayerNorm(4)
        torch.manual_seed(1)
        self.across.reset_parameters()
        nn.init.normal_(self.across.weight_ih_l0, 0, 2)

    def forward(self, x: Tensor) -> Tensor:
        n, t, f = x.shape
        y: Tensor = self.norm(self.across(x.reshape(n * t, f, 1))[0].sum(-1).reshape(n, t, f))
        return y


def test_what_a_kernel_of_the_runtime_rounds_is_no_defect_of_the_file(tmp_path: Path) -> None:
    """Its tanh is ten ulps off near 1, which a norm of equal features makes large."""
    effort = Effort(lengths=(1,), batches=(1,), roads=(), frames=64, signals=("every magnitude", "x 1000"))
    assert quickly.export(Nearly(), torch.zeros(2, 8, 4), tmp_path / "m.onnx", effort=effort).verification.passed


class Cell(nn.Module):
    """A cell that is stepped."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        state, rows = None, []
        for frame in x:
            state = self.cell(frame, state)
            rows.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(rows)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@in_one_test(
    "layer",
    [
        *(kind(4, 5, 2) for kind in (nn.GRU, nn.LSTM, nn.RNN)),
        nn.GRU(4, 5, 1, bias=False, batch_first=True),
        nn.GRU(4, 5, bidirectional=True),
        nn.RNN(4, 5, 2, bidirectional=True, bias=False, batch_first=True),
        nn.LSTM(4, 5, 2, bidirectional=True, proj_size=3),
        *(Cell(kind(4, 5)) for kind in (nn.GRUCell, nn.LSTMCell, nn.RNNCell)),
        nn.Sequential(nn.Linear(4, 5), nn.Sigmoid(), nn.Tanh()),
    ],
)
def test_the_equations_are_those_of_torch(layer: nn.Module) -> None:
    """To rounding, with every state that they give back; not exactly; with functions of kernels in yet another way."""
    x = 2 * torch.randn(40, 3, 4)
    with torch.no_grad():
        expected, found = layer(x), []
        for kernels in (False, True):
            with RuntimeFunctions(kernels=kernels):
                found.append(layer(x))
            torch.testing.assert_close(found[-1], expected, rtol=0, atol=4e-6)
    first, plain, kernel = (y if isinstance(y, Tensor) else y[0] for y in (expected, *found))
    assert not torch.equal(first, plain)
    assert torch.equal(plain, kernel) == (not isinstance(layer, nn.GRU | nn.RNN))
