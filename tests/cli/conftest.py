"""The command line as a function, and files to give it."""

from __future__ import annotations

from pathlib import Path

import pytest
import quickly
from command import Command, Done

from rnnedge.cli import execute

FACTORIES = Path(__file__).parent


@pytest.fixture
def rnnedge(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`rnnedge(*arguments)` runs the command line in this process; factories.py can be imported."""
    monkeypatch.syspath_prepend(str(FACTORIES))

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        # Of a factory that several tests export, one capture.
        with quickly.CAPTURES:
            code = execute([str(a) for a in arguments])
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def gru_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GRU of 3 features and 4 units, with labels and a frame rate."""
    import torch

    torch.manual_seed(0)
    module = torch.nn.GRU(3, 4, batch_first=True)
    path = tmp_path_factory.mktemp("files") / "gru.onnx"
    quickly.export(module, torch.zeros(1, 5, 3), path, labels=("a", "b", "c", "d"), frame_rate_hz=50.0)
    return path
