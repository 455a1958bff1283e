"""Weights that forward makes of others, and puts on a layer for the time of a call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import load

_LENGTH, _TOLERANCE = 23, 2e-6


class WeightDrop(nn.Module):
    """Recurrent weights that forward makes of others, as AWD-LSTM does; the layer has none of its own in between."""

    def __init__(self, layer: nn.Module, name: str) -> None:
        super().__init__()
        self.layer, self.name = layer, name
        self.raw = nn.Parameter(getattr(layer, name).detach().clone())
        del layer._parameters[name]

    def forward(self, x: Tensor) -> Tensor:
        setattr(self.layer, self.name, nn.functional.dropout(self.raw, 0.3, self.training))
        if isinstance(self.layer, nn.RNNBase):
            y: Tensor = self.layer(x)[0]
            return y
        ys, h = [], x.new_zeros(x.shape[0], 4)
        for frame in x.unbind(1):
            h = self.layer(frame, h)
            ys.append(h)
        return torch.stack(ys, 1)


@pytest.mark.parametrize(
    ("make", "name"),
    [(lambda: nn.LSTM(4, 4, batch_first=True), "weight_hh_l0"), (lambda: nn.GRUCell(4, 4), "weight_hh")],
    ids=["a layer", "a cell in a loop"],
)
def test_weights_that_forward_makes_are_no_state(make: Callable[[], nn.Module], name: str, tmp_path: Path) -> None:
    """They are the same in every call, and gone after it."""
    torch.manual_seed(0)
    module, x = WeightDrop(make(), name).eval(), torch.randn(1, _LENGTH, 4)
    report = quickly.export(module, x[:, :9], tmp_path / "net.onnx")
    assert "starts_from" not in report.contract.provenance and not hasattr(module.layer, name)
    with torch.no_grad():
        expected = module(x)[0].numpy()
    np.testing.assert_allclose(load(tmp_path / "net.onnx").run(x[0].numpy()), expected, rtol=0, atol=_TOLERANCE)
