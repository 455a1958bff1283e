"""Recurrent layers of sizes that fill one panel of the matrix kernel, a pair of them, some more, and parts of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from native_library import compile_library
from torch import Tensor, nn

from rnnedge_export.codegen import write_c
from rnnedge_export.codegen._build import build_in
from rnnedge_export.codegen.prove import _native
from rnnedge_runtime import Model, load

# Panels have 8 columns, or 16 or 32 by the vectors of this machine: 12, 24, 40, 96 and 256 columns of an LSTM, 9, 18,
# 30, 72 and 192 of a GRU.
_UNITS = (3, 6, 10, 24, 64)


class Sizes(nn.Module):
    """An LSTM and a GRU of every size over the same frames."""

    def __init__(self) -> None:
        super().__init__()
        self.lstms = nn.ModuleList(nn.LSTM(5, units, batch_first=True) for units in _UNITS)
        self.grus = nn.ModuleList(nn.GRU(5, units, batch_first=True) for units in _UNITS)

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, time, 5) -> (batch, time, units of all)."""
        return torch.cat([layer(x)[0] for layer in (*self.lstms, *self.grus)], -1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """The network and its file."""
    torch.manual_seed(0)
    module, path = Sizes().eval(), tmp_path_factory.mktemp("panels") / "net.onnx"
    quickly.export(module, torch.randn(1, 30, 5), path)
    return module, path


@pytest.fixture(scope="module", params=["short vectors", "vectors of this machine"])
def made(
    request: pytest.FixtureRequest, file: tuple[nn.Module, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[nn.Module, Model]:
    """The network, and its file on the native engine with a block of two sequences; with long vectors of many steps."""
    (module, path), folder = file, tmp_path_factory.mktemp("library")
    if request.param == "short vectors":
        library = compile_library(path.read_bytes(), folder, block=2)
        return module, load(path, provider="native", provider_options={"native": {"library": str(library)}})
    return module, _native(path.read_bytes(), build_in(path.read_bytes(), "native", folder, block=2))


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e30], ids=["plain", "saturated", "at the end of numbers"])
@pytest.mark.parametrize("cuts", [(), (1, 2, 3, 33), tuple(range(1, 60))], ids=["whole", "parts", "steps"])
def test_every_size_gives_what_torch_gives(made: tuple[nn.Module, Model], scale: float, cuts: tuple[int, ...]) -> None:
    """One row of a panel, a pair, the odd one and the rest; frames one by one and many at once, swept in turns."""
    module, model = made
    x = (torch.randn(2, 60, 5, generator=torch.Generator().manual_seed(1)) * scale).clamp(-1e38, 1e38)
    with torch.no_grad():
        expected = module.double()(x.double()).numpy()
        module.float()
    for batch in (1, 2):
        frames = x[:batch].numpy() if batch > 1 else x[0].numpy()
        stream = model.stream(batch=batch)
        found = np.concatenate([stream.push(part) for part in np.split(frames, cuts, batch - 1)], batch - 1)
        np.testing.assert_allclose(found, expected[:batch] if batch > 1 else expected[0], rtol=0, atol=1e-5)


def test_large_recurrent_weights_are_swept_in_turns(file: tuple[nn.Module, Path]) -> None:
    """In a call of several frames, those of 64 units only; in a step, whose call has one frame, none."""
    text = write_c(file[1].read_bytes(), "net", lanes=4, stretch=True).c
    assert text.count("const int turn = k & 1;") == 2
