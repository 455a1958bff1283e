"""A recurrence that is written without a loop over time is found in what a module computes, and is equal to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import quickly
import torch
from scan_idioms import PARALLEL, Parallel, kernel_of_taps
from torch import Tensor

import rnnedge_export.capture._rnn_custom_ops  # noqa: F401  (registers the operators of recurrences)
from rnnedge_export.capture._growth import takes_pairs
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.loops import Unrolled, captured_at, roll, unrolled
from rnnedge_export.capture.scans import find_recurrences

Function = Callable[[Parallel, Tensor], Tensor]


def rolled(net: Parallel) -> torch.fx.GraphModule:
    """For any batch and length."""

    def captured(length: int, batch: int) -> Unrolled:
        found = unrolled(net, (torch.zeros(2, length, 6),), (0,), batch, einsum=True)
        assert find_recurrences(found, (torch.randn(batch, length, 6),), length)
        return found

    with quiet():
        return roll(*captured_at(captured, net), 0, 1, required=False)


@pytest.mark.parametrize("function", PARALLEL, ids=lambda function: function.__name__)
def test_a_parallel_form_is_its_recurrence(function: Function) -> None:
    """Equal at another length and batch, and no value is over pairs of frames."""
    torch.manual_seed(0)
    net, x = Parallel(function).eval(), torch.randn(3, 37, 6)
    program = rolled(net)
    with torch.no_grad():
        expected, [found] = net(x), program(x)
    assert float((found - expected).abs().max()) <= 2e-6 * float(expected.abs().max())
    assert not any("fft" in str(node.target) for node in program.graph.nodes)


def test_attention_over_all_frames_is_no_recurrence() -> None:
    """A softmax over pairs of frames, and weights of a distance that do not decay by a factor, are left."""

    def softmax(net: Parallel, x: Tensor) -> Tensor:
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return (net.q(x) @ net.k(x).transpose(1, 2)).masked_fill(mask, -1e9).softmax(-1) @ net.b(x)

    def hyperbola(net: Parallel, x: Tensor) -> Tensor:
        index = torch.arange(x.shape[1])
        distance = index[:, None] - index[None]
        return torch.where(distance >= 0, 1 / (1.0 + distance.clamp(min=0)), torch.zeros(())) @ net.b(x)

    for function in (softmax, hyperbola):
        net = Parallel(function).eval()
        found = unrolled(net, (torch.zeros(2, 9, 6),), (0,), 1009, einsum=True)
        assert not find_recurrences(found, (torch.randn(1009, 9, 6),), 9)


def test_a_kernel_that_wraps_around_has_a_shortest_length(tmp_path: Path) -> None:
    """Of two frames the transform has four numbers, and four taps reach five."""
    torch.manual_seed(0)
    net = Parallel(kernel_of_taps).eval()
    report = quickly.export(net, torch.randn(2, 12, 6), tmp_path / "m.onnx")
    assert report.contract.least == net.taps.shape[-1] - 1


def test_a_module_that_weighs_pairs_is_compared_over_fewer_frames() -> None:
    """Whole sequences take memory with the square of their length, though what they compute is a recurrence."""
    example = Example((torch.zeros(2, 12, 6),), 0, 1)
    without = {function.__name__ for function in PARALLEL if not takes_pairs(Parallel(function), example)}
    assert without == {
        "doubling_by_padding", "doubling_by_joining", "halving", "kernel_of_poles", "kernels_that_share_frames",
        "kernel_of_taps",
    }  # fmt: skip
