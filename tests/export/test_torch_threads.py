"""A network is proven on as many threads as pay for its size, and the process has its own again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import rnnedge
from rnnedge_export.torch_threads import worthwhile_threads
from rnnedge_runtime import ModelRefused


class Seen(nn.Module):
    """Keeps on how many threads it was called."""

    def __init__(self, found: set[int], axis: int = -1) -> None:
        super().__init__()
        self.found, self.axis = found, axis

    def forward(self, x: Tensor) -> Tensor:
        """A running sum, or one that cannot stream."""
        self.found.add(torch.get_num_threads())
        return x.cumsum(1) if self.axis < 0 else x - x.mean(self.axis, keepdim=True)


@pytest.fixture
def three() -> Iterator[None]:
    """A process that computes on three threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three")
def test_a_small_network_is_proven_on_one_thread(tmp_path: Path) -> None:
    """Also where it is refused, and where a file is verified against it later."""
    example, found = torch.zeros(1, 8, 3), set[int]()
    rnnedge.export(Seen(found), example, tmp_path / "net.onnx")
    assert (found, torch.get_num_threads()) == ({1}, 3)
    rnnedge.verify(tmp_path / "net.onnx", source=Seen(found), example=example)
    with pytest.raises(ModelRefused):
        rnnedge.export(Seen(found, 1), example, tmp_path / "other.onnx")
    assert (found, torch.get_num_threads()) == ({1}, 3)


@pytest.mark.usefixtures("three")
def test_a_large_network_has_the_threads_that_there_are() -> None:
    """One for every two million weights; a part that has no sizes yet counts as none."""
    for layer, threads in ((nn.Linear(1024, 4096), 2), (nn.Linear(4096, 4096), 3), (nn.LazyLinear(4096), 1)):
        with worthwhile_threads(layer):
            assert torch.get_num_threads() == threads
