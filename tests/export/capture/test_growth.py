"""A Python loop over time runs once for every so many frames of the input, and is rolled back at that rate."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from in_one_test import in_one_test
from torch import Tensor, nn
from torch.nn import functional

import rnnedge_export.capture._rnn_custom_ops  # noqa: F401  (registers the operators of recurrences)
from rnnedge_export.capture import ModuleAdapter, read_example
from rnnedge_export.capture._growth import frames_per_iteration
from rnnedge_export.capture._over_pairs import refuse_loops_over_pairs
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture._rolled_loops import with_rolled_loops
from rnnedge_runtime import ModelRefused


class Strided(nn.Module):
    """A cell in a loop over what convolutions with strides of 2 leave."""

    def __init__(self) -> None:
        """With random weights."""
        super().__init__()
        self.down, self.again = nn.Conv1d(2, 6, 4, 2), nn.Conv1d(6, 6, 4, 2)
        self.cell, self.up = nn.GRUCell(6, 6), nn.ConvTranspose1d(6, 2, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Give as many frames as there are, up to 3 fewer: (batch, time, 2)."""
        z = torch.relu(self.down(functional.pad(x.transpose(1, 2), (2, 0))))
        z, h, ys = self.again(functional.pad(z, (2, 0))), x.new_zeros(x.shape[0], 6), []
        for frame in z.unbind(2):
            h = self.cell(frame, h)
            ys.append(h)
        return self.up(torch.stack(ys, 2)).transpose(1, 2)


class Function(nn.Module):
    """A function of x (batch, time, 2)."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        """Without weights."""
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Call the function."""
        return self.function(x)


def _plain(x: Tensor) -> Tensor:
    h, ys = x[:, 0], []
    for t in range(x.shape[1]):
        h = 0.5 * h + x[:, t]
        ys.append(h)
    return torch.stack(ys, 1)


def _doubling(x: Tensor) -> Tensor:
    k = 1
    while k < x.shape[1]:
        x, k = x + functional.pad(x, (0, 0, k, 0))[:, : x.shape[1]], 2 * k
    return x


def _windows(x: Tensor) -> Tensor:
    """As a spectrum: no sequence is shorter than a window."""
    return _plain(x.unfold(1, 16, 8).mean(-1))


def _warped(x: Tensor) -> Tensor:
    """The costs of a dynamic time warping of a sequence with itself."""
    costs, n = torch.cdist(x, x), x.shape[1]
    found = torch.full((x.shape[0], n + 1, n + 1), 1e9)
    found[:, 0, 0] = 0.0
    for i in range(n):
        for j in range(n):
            least = torch.minimum(torch.minimum(found[:, i, j], found[:, i, j + 1]), found[:, i + 1, j])
            found[:, i + 1, j + 1] = costs[:, i, j] + least
    return found[:, -1]


def _table(x: Tensor) -> Tensor:
    """Decays by distance, filled in one by one."""
    decays = torch.zeros(x.shape[1], x.shape[1])
    for i in range(x.shape[1]):
        for j in range(i + 1):
            decays[i, j] = 0.9 ** (i - j)
    return decays @ x


@in_one_test(
    "module, expected",
    [
        (Function(_plain), 1),
        (Function(_windows), 8),
        (Function(_doubling), 0),
        (Function(torch.tanh), 0),
        (Strided(), 4),
    ],
)
def test_the_frames_of_an_iteration_are_counted(module: nn.Module, expected: int) -> None:
    """Rounds of a parallel scan come ever more rarely, and are no iterations."""
    assert frames_per_iteration(module, read_example(torch.randn(1, 40, 2), 0, 1))[0] == expected


def test_a_loop_over_pairs_of_frames_is_refused_at_once() -> None:
    """With its line; a table of distances is none, and a loop over frames is none."""
    example = read_example(torch.randn(1, 8, 2), 0, 1)
    for function in (_table, _plain, _doubling):
        refuse_loops_over_pairs(ModuleAdapter(Function(function), example), example)
    with pytest.raises(
        ModelRefused, match=r"Function: cannot stream: test_growth\.py:\d+ `.*` runs for pairs of frames"
    ):
        refuse_loops_over_pairs(ModuleAdapter(Function(_warped), example), example)


def test_a_loop_behind_a_stride_is_rolled() -> None:
    """Equal at another length and batch."""
    torch.manual_seed(0)
    module, x, example = Strided().eval(), torch.randn(3, 92, 2), torch.randn(2, 32, 2)
    with quiet(), torch.no_grad():
        program, _ = with_rolled_loops(module, (example,), read_example(example, 0, 1), exporting=True, step=4)
        [found] = program.module()(x)
        torch.testing.assert_close(found, module(x), rtol=1e-5, atol=1e-5)
