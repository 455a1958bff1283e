"""Code for every target."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from exported import export_network

from rnnedge_export.native import build, source
from rnnedge_export.native.prove import prove
from rnnedge_runtime import ProviderError, load


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network in step form."""
    return export_network("lstm-1", "step", tmp_path_factory.mktemp("model")).path


@pytest.mark.long
@pytest.mark.parametrize(
    "target", ["x86_64_v2", "x86_64_v3", "aarch64-linux", "armv7-linux", "riscv64-linux", "wasm32"]
)
def test_code_for_other_machines(target: str, model: Path, tmp_path: Path) -> None:
    """Gives what onnxruntime gives, emulated where it has to be."""
    pytest.importorskip("ziglang")
    proof = prove(model.read_bytes(), build(model.read_bytes(), target, tmp_path, name="net"))
    if proof is None:
        pytest.skip("nothing here runs this target")
    assert proof.max_error <= 1e-5


@pytest.mark.long
@pytest.mark.parametrize("target", ["x86_64", "x86_64-windows", "aarch64-macos", "cortex-m4", "cortex-m7"])
def test_what_is_compiled_and_not_run(target: str, model: Path, tmp_path: Path) -> None:
    """An artifact is there."""
    pytest.importorskip("ziglang")
    built = build(model.read_bytes(), target, tmp_path, name="net")
    assert built.artifact is not None
    assert built.artifact.stat().st_size > 1000


@pytest.mark.long
def test_a_library_of_three_levels_runs_here(model: Path, tmp_path: Path) -> None:
    """The one that this processor can run is picked when it is loaded."""
    pytest.importorskip("ziglang")
    if os.uname().machine != "x86_64" or shutil.which("cc") is None:
        pytest.skip("needs x86-64")
    built = build(model.read_bytes(), "x86_64", tmp_path, name="net")
    options = {"native": {"library": str(built.artifact)}}
    frames = np.random.default_rng(0).standard_normal((40, load(model).stream().input.shape[-1])).astype(np.float32)
    native = load(model, provider="native", provider_options=options).stream().push(frames)
    np.testing.assert_allclose(native, load(model).stream().push(frames), atol=1e-5)


@pytest.mark.long
def test_levels_have_weights_of_their_own(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where weights are no part of the library: each level packs them for its vectors, and one of the files is read."""
    pytest.importorskip("ziglang")
    if os.uname().machine != "x86_64":
        pytest.skip("needs x86-64")
    monkeypatch.setattr(source, "_BLOB_BYTES", 1)
    built = build(model.read_bytes(), "x86_64", tmp_path, name="net")
    levels = {path.name for path in built.files if path.name.count(".") == 2}
    assert levels == {f"net.x86_64_v{level}.weights" for level in (2, 3, 4)}
    proof = prove(model.read_bytes(), built)
    assert proof is not None
    assert proof.max_error <= 1e-5
    for name in levels:
        (tmp_path / name).write_bytes(b"other")
    with pytest.raises(ProviderError, match=r"net\.x86_64_v\d\.weights: expected the weights"):
        prove(model.read_bytes(), built)
