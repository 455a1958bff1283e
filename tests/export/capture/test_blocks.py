"""A loop over blocks of frames is rolled back at the rate of the blocks, and so is a recurrence between blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from _pytest.mark.structures import ParameterSet
from torch import Tensor, nn

import rnnedge_export.capture._rnn_custom_ops  # noqa: F401  (registers the operators of recurrences)
from rnnedge_export.capture import read_example
from rnnedge_export.capture._growth import frames_per_iteration
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture._rolled_loops import with_rolled_loops
from rnnedge_runtime import load

_BLOCK = 4


class Blocks(nn.Module):
    """A function of x (batch, time, 3)."""

    def __init__(self, function: Callable[[Blocks, Tensor], Tensor]) -> None:
        """With random weights."""
        super().__init__()
        self.function = function
        self.conv = nn.Conv1d(3, 3, 3, groups=3, padding=2)
        self.linear, self.decay = nn.Linear(3, 3), nn.Parameter(torch.tensor([0.9, 0.7, 0.5]))

    def forward(self, x: Tensor) -> Tensor:
        """Call the function."""
        return self.function(self, x)

    def pairs(self, block: Tensor) -> Tensor:
        """What every frame of a block has of those before it: (batch, 4, 3)."""
        return torch.tril(block @ block.transpose(-1, -2)) @ block


def viewed(net: Blocks, x: Tensor) -> Tensor:
    """Blocks by `view`, their results stacked; a state from block to block."""
    blocks, state, ys = net.linear(x).view(x.shape[0], -1, _BLOCK, 3), x.new_zeros(x.shape[0], 3), []
    for i in range(blocks.shape[1]):
        ys.append(net.pairs(blocks[:, i]) + state[:, None])
        state = net.decay * state + blocks[:, i].sum(1)
    return torch.stack(ys, 1).reshape(x.shape)


def assigned(net: Blocks, x: Tensor) -> Tensor:
    """Blocks by slices, their results assigned to what was made before."""
    state, y = x.new_zeros(x.shape[0], 3), torch.zeros_like(x)
    for i in range(x.shape[1] // _BLOCK):
        block = x[:, i * _BLOCK : i * _BLOCK + _BLOCK]
        y[:, i * _BLOCK : (i + 1) * _BLOCK] = net.pairs(block) + state[:, None]
        state = torch.tanh(net.linear(state)) + block.mean(1)
    return y


def joined(net: Blocks, x: Tensor) -> Tensor:
    """Blocks by `chunk`, a sum that starts from the number 0, results by `cat`."""
    total, ys = 0, []
    for block in x.chunk(x.shape[1] // _BLOCK, dim=1):
        sums = total + block.cumsum(1)
        ys.append(net.pairs(block) / (1 + sums.abs()))
        total = sums[:, -1:]
    return torch.cat(ys, 1)


def between_blocks(net: Blocks, x: Tensor) -> Tensor:
    """States of blocks with the one before the first, by a matrix of decays over pairs of blocks (Mamba-2)."""
    x = torch.nn.functional.silu(net.conv(x.transpose(1, 2))[..., : x.shape[1]]).transpose(1, 2)
    blocks, gates = x.view(x.shape[0], -1, _BLOCK, 3), -torch.nn.functional.softplus(net.linear(x))
    states, sums = blocks.sum(2), gates.view(blocks.shape).sum(2)
    states, sums = (torch.cat([torch.zeros_like(each[:, :1]), each], 1) for each in (states, sums))
    totals = sums.cumsum(1)
    mask = torch.ones(totals.shape[1], totals.shape[1], dtype=torch.bool).tril()[..., None]
    decays = (totals[:, :, None] - totals[:, None]).masked_fill(~mask, -torch.inf).exp()
    states = torch.einsum("bzcd,bcd->bzd", decays, states)[:, :-1]
    return (blocks.cumsum(2) + states[:, :, None]).reshape(x.shape)


def _long(function: Callable[[Blocks, Tensor], Tensor]) -> ParameterSet:
    return pytest.param(function, marks=pytest.mark.long)


LOOPS = [viewed, assigned, joined]


def test_blocks_are_counted() -> None:
    """Whether the module takes other lengths than whole blocks, or not."""
    example = read_example(torch.randn(1, 40, 3), 0, 1)
    counted = [frames_per_iteration(Blocks(function).eval(), example) for function in (*LOOPS, between_blocks)]
    assert counted == [(_BLOCK, _BLOCK), (_BLOCK, 1), (_BLOCK, _BLOCK), (0, _BLOCK)]


@pytest.mark.parametrize("function", [assigned, *map(_long, (viewed, joined, between_blocks))])
def test_blocks_are_rolled(function: Callable[[Blocks, Tensor], Tensor]) -> None:
    """Equal at another length and batch."""
    torch.manual_seed(0)
    module, x, example = Blocks(function).eval(), torch.randn(3, 52, 3), torch.randn(2, 40, 3)
    given = read_example(example, 0, 1)
    step, grain = frames_per_iteration(module, given)
    written = function is not between_blocks
    with quiet(), torch.no_grad():
        program, found = with_rolled_loops(
            module, (example,), given, exporting=True, written=written, step=max(step, grain), grain=grain
        )
        [y] = program.module()(x)
        torch.testing.assert_close(y, module(x), rtol=1e-5, atol=1e-5)
    assert found == _BLOCK


@pytest.mark.parametrize(
    "function",
    [_long(assigned), between_blocks, _long(joined)],
)
def test_a_block_is_given_when_it_is_whole(function: Callable[[Blocks, Tensor], Tensor], tmp_path: Path) -> None:
    """And equals the module's; the convolution in front keeps its name."""
    torch.manual_seed(0)
    module, x = Blocks(function).eval(), torch.randn(1, 52, 3)
    quickly.export(module, torch.randn(2, 40, 3), tmp_path / "net.onnx")
    stream = load(tmp_path / "net.onnx").stream()
    parts = [stream.push(part) for part in np.split(x[0].numpy(), [3, 4, 17, 30])]
    assert [len(part) for part in parts] == [0, 4, 12, 12, 24]
    with torch.no_grad():
        np.testing.assert_allclose(np.concatenate(parts), module(x)[0].numpy(), rtol=1e-4, atol=1e-5)
    if function is between_blocks:
        assert "conv.cache" in stream.states
