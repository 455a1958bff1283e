"""A module that takes some numbers only, such as energies, is proven on those, as the example shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import load
from rnnedge_runtime.errors import ModelRefused


class Compressed(nn.Module):
    """(batch, time, 4) -> the same: a GRU over a function of the frames, and its state where one is given."""

    def __init__(self, compress: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.compress, self.gru = compress, nn.GRU(4, 4, batch_first=True)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, state = self.gru(self.compress(x), state)
        return y, state


_ENERGIES = torch.rand(1, 12, 4)
_CASES = {
    "logarithm": (lambda x: torch.log(x + 1e-6), _ENERGIES, "|N(0, 1)|"),
    "of silence": (lambda x: x.add(1e-3).sqrt(), torch.zeros(1, 12, 4), "|N(0, 1)|"),
    "angles": (torch.acos, 2 * _ENERGIES - 1, "numbers from -"),
    "any": (torch.tanh, _ENERGIES, "N(0, 1)"),
}


@pytest.mark.parametrize("name", _CASES)
def test_a_module_is_proven_on_numbers_that_it_takes(name: str, tmp_path: Path) -> None:
    """Of the example's sign or range, only where it does not take others; its states are found by these too."""
    compress, example, said = _CASES[name]
    torch.manual_seed(0)
    module = Compressed(compress).eval()
    contract = quickly.export(module, example, tmp_path / "m.onnx").contract
    assert contract.provenance["proven_on"].partition("frames of ")[2].startswith(said)
    assert [port.name for port in contract.outputs] == ["y"]
    x = 0.9 * torch.rand(1, 40, 4)
    found = load(tmp_path / "m.onnx").stream().push(x[0].numpy())
    np.testing.assert_allclose(found, module(x)[0][0].detach().numpy(), rtol=0, atol=1e-5)


class Categories(nn.Module):
    """(batch, time, 2) -> (batch, time, 4): a GRU over two categories, of three and of nine kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(3, 4), nn.Embedding(9, 4)])
        self.gru = nn.GRU(8, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.gru(torch.cat([table(x[..., k]) for k, table in enumerate(self.tables)], -1))[0]
        return found


def test_each_feature_has_whole_numbers_of_its_own(tmp_path: Path) -> None:
    """A number of one table may be no row of another."""
    x = torch.stack([torch.arange(18) % 3, torch.arange(18) % 9], -1)[None]
    module = Categories().eval()
    quickly.export(module, x, tmp_path / "m.onnx")
    found = load(tmp_path / "m.onnx").stream().push(x[0].numpy())
    np.testing.assert_allclose(found, module(x)[0].detach().numpy(), rtol=0, atol=1e-5)


def test_an_example_of_other_numbers_is_told_what_to_give(tmp_path: Path) -> None:
    """One with negative numbers shows no others."""
    with pytest.raises(ModelRefused, match=r"give an example of numbers that it takes, such as torch\.rand"):
        quickly.export(Compressed(torch.log).eval(), torch.randn(1, 12, 4), tmp_path / "m.onnx")
