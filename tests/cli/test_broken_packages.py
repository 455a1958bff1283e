"""A package that is there and cannot be loaded is not called missing without the reason."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from rnnedge.cli import execute
from rnnedge_runtime import ProviderError, load

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
REASON = "libonnx.so: failed to map segment from shared object"


class _Broken(ModuleType):
    """A package whose library cannot be loaded."""

    def __getattr__(self, name: str) -> object:
        raise ImportError(REASON)


def test_an_engine_that_cannot_be_loaded_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where a process may have little memory."""
    monkeypatch.setitem(sys.modules, "rnnedge_runtime.engines.onnx_runtime", _Broken("onnx_runtime"))
    with pytest.raises(ProviderError, match=r"cannot be loaded here \(libonnx"):
        load(GOLDEN)
    assert execute(["run", str(GOLDEN), "in.csv"]) == 7
    assert capsys.readouterr().err.count(REASON) == 1


def test_an_extra_that_cannot_be_loaded_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """One that is missing is told without."""
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1")

    class Finder:
        """Finds pyarrow, and fails to load it."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == "pyarrow":
                raise ImportError(REASON)

    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    assert execute(["run", str(GOLDEN), str(path)]) == 2
    assert REASON in capsys.readouterr().err
