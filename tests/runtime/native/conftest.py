"""Files on both engines: exported and compiled once per session."""

from __future__ import annotations

import shutil

import pytest
import quickly
import torch
from both_engines import Crossing, Pair, pair_of
from exported import Exported


@pytest.fixture(scope="session")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Two inputs, frames that wait, first calls that mean nothing, a summary."""
    path = tmp_path_factory.mktemp("crossing") / "crossing.onnx"
    torch.manual_seed(0)
    quickly.export(Crossing().eval(), (torch.randn(1, 16, 3), torch.randn(1, 16, 2)), path)
    return pair_of(path)


@pytest.fixture(scope="session")
def plain(native: Exported, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The GRU tagger: one input, one output, every frame by itself."""
    path = tmp_path_factory.mktemp("plain") / "plain.onnx"
    shutil.copy(native.path, path)
    return pair_of(path)


@pytest.fixture(params=["plain", "crossing"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """Each of them."""
    found: Pair = request.getfixturevalue(request.param)
    return found
