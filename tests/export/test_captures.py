"""What the tests keep from one capture to the next changes no file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch_tables

import rnnedge_export
from rnnedge.nn import NetworkConfig, RecurrentNetwork


@pytest.mark.fresh_captures
def test_tables_that_are_built_once_give_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte what torch gives with tables of its own, for the first capture from them and the second."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("mingru", 5, 8, 3)).eval()

    def written() -> bytes:
        rnnedge_export.export(network, torch.zeros(1, 8, 5), tmp_path / "m.onnx")
        return (tmp_path / "m.onnx").read_bytes()

    expected = written()
    torch_tables.build_once(monkeypatch)
    assert written() == expected
    assert written() == expected
