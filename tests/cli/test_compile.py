"""`rnnedge compile`: for this machine, for others, and when it goes wrong."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from command import Command
from exported import export_network

from rnnedge_export.stamp import stamp
from rnnedge_runtime import load


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network in step form."""
    return export_network("lstm-1", "step", tmp_path_factory.mktemp("model")).path


def test_a_library_for_this_machine(rnnedge: Command, model: Path, tmp_path: Path) -> None:
    """It is proven, and a stream runs on it."""
    done = rnnedge("compile", model, "-o", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    found = done.json
    assert found["schema"] == "rnnedge.compile"
    assert found["proof"]["max_error"] <= found["proof"]["tolerance"] == 1e-5
    library = next(path for path in found["files"] if path.endswith(".so"))
    options = {"native": {"library": library}}
    frames = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)
    frames = frames[:, : load(model).stream().input.shape[-1]]
    native = load(model, provider="native", provider_options=options).stream().push(frames)
    np.testing.assert_allclose(native, load(model).stream().push(frames), atol=1e-5)


def test_the_tolerance_of_a_sample_is_its_authors(rnnedge: Command, model: Path, tmp_path: Path) -> None:
    """A file whose golden sample allows 1e-3 compiles: the library is proven against the file, not the sample."""
    contract = load(model).contract
    assert contract.golden is not None
    generous = replace(contract, golden=replace(contract.golden, tolerance=1e-3))
    file = tmp_path / "generous.onnx"
    file.write_bytes(stamp(ir.load(model), generous))
    done = rnnedge("compile", file, "-o", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    assert done.json["proof"]["max_error"] <= 1e-5


def test_sources_alone(rnnedge: Command, model: Path, tmp_path: Path) -> None:
    """Without a compiler."""
    done = rnnedge("compile", model, "-o", tmp_path, "--target", "c", "--name", "spotter")
    assert done.code == 0, done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spotter.c", "spotter.h"]


def test_an_unknown_target_names_the_nearest(rnnedge: Command, model: Path, tmp_path: Path) -> None:
    """And writes nothing."""
    done = rnnedge("compile", model, "-o", tmp_path / "out", "--target", "aarch64-linx")
    assert done.code == 2
    assert "did you mean aarch64-linux?" in " ".join(done.err.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_a_compiler_that_is_missing_or_fails(
    rnnedge: Command, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that says what to do, with the compiler's own message, and nothing half-written."""
    monkeypatch.setenv("CC", "no-such-compiler")
    done = rnnedge("compile", model, "-o", tmp_path / "out")
    assert done.code == 7
    assert "no C compiler: expected $CC = 'no-such-compiler'" in done.err
    broken = tmp_path / "broken"
    broken.write_text(
        "#!/bin/sh\ncase $* in *-o*) echo 'net.c:1: error: on fire' >&2; exit 1;; esac\necho broken 1.0\n"
    )
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CC", str(broken))
    done = rnnedge("compile", model, "-o", tmp_path / "out")
    assert done.code == 7
    assert "error: on fire; all of it is in " in done.err
    assert not list((tmp_path / "out").glob("*"))


def test_a_file_of_another_kind_is_refused(rnnedge: Command, tmp_path: Path) -> None:
    """With its name."""
    (tmp_path / "net.onnx").write_bytes(b"no model")
    done = rnnedge("compile", tmp_path / "net.onnx", "-o", tmp_path / "out")
    assert done.code == 3
    assert "net.onnx" in done.err
