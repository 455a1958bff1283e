"""Weights of recurrences stand in the file as the source has them, if anything reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_export.capture import read_example
from rnnedge_export.graph.lengths import ANY_LENGTH
from rnnedge_export.reference import Reference
from rnnedge_export.verification.module_oracle import ModuleOracle
from rnnedge_export.verification.source_weights import check_weights
from rnnedge_runtime import load


class Unread(nn.Module):
    """A layer for training only, whose result is kept for a loss, and for no output."""

    def __init__(self, *, read: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.read, self.aside, self.gru = read, nn.GRU(3, 4, batch_first=True), nn.GRU(3, 4, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        aside = self.aside(x)[0]
        y = self.gru(x)[0]
        return y + aside if self.read else y


def test_a_layer_that_no_output_reads_is_in_no_file(tmp_path: Path) -> None:
    """And is no reason against it; the module is as it was."""
    module, x = Unread(read=False).eval(), torch.randn(2, 8, 3)
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    quickly.export(module, x, tmp_path / "net.onnx")
    torch.testing.assert_close(torch.from_numpy(load(tmp_path / "net.onnx").run(x[0].numpy())), module(x)[0])
    for name, weight in module.state_dict().items():
        assert torch.equal(weight, before[name])


@pytest.mark.parametrize("read", [True, False])
def test_a_weight_that_is_off_by_less_than_rounding_is_seen(read: bool, tmp_path: Path) -> None:
    """Where it is read."""
    module, x = Unread(read=read).eval(), torch.randn(2, 8, 3)
    quickly.export(module, x, tmp_path / "net.onnx")
    with torch.no_grad():
        module.aside.weight_hh_l0[0, 0] *= 1 + 1e-6
    example = read_example(x, 0, 1)
    reference = Reference(ModuleOracle(module, x, example), example, ANY_LENGTH)
    data, frames = (tmp_path / "net.onnx").read_bytes(), {"x": x.numpy()}
    assert check_weights(data, module, {"aside", "gru"}, reference, frames).passed is not read
