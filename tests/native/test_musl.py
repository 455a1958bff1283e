"""A library of the native engine, made for this Linux, in a program of musl (Alpine): loaded from memory and run.

Runs where `musl-gcc` is installed, as by Debian's package musl-tools.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from exported import export_network

from rnnedge_export.codegen import build
from rnnedge_runtime import load

MAIN = Path(__file__).parent / "languages" / "musl_main.c"


@pytest.mark.long
@pytest.mark.parametrize("target", ["native", "zig"])
def test_a_program_of_musl_loads_a_library_and_gets_the_same_numbers(target: str, tmp_path: Path) -> None:
    """As the compiler of this machine makes it, and as zig does for boards: neither needs more than musl has."""
    compiler = shutil.which("musl-gcc")
    if compiler is None or platform.machine() != "x86_64":
        pytest.skip("needs musl-gcc, on x86-64")
    if target == "zig":
        pytest.importorskip("ziglang")
    path = export_network("lstm-1", "step", tmp_path).path.rename(tmp_path / "net.onnx")
    build(path.read_bytes(), "native" if target == "native" else "x86_64_v3", tmp_path, name="net")
    source = (tmp_path / "net.c").read_text()
    beginning, end = source.index("typedef struct rnnedge_program"), source.index("} rnnedge_library;")
    (tmp_path / "main.c").write_text(MAIN.read_text().replace("TYPES", source[beginning:end] + "} rnnedge_library;"))
    subprocess.run([compiler, "-O1", "-D_GNU_SOURCE", "main.c", "-o", "main"], cwd=tmp_path, check=True)
    frames = np.random.default_rng(0).standard_normal((300, 5)).astype(np.float32)
    (tmp_path / "in.bin").write_bytes(frames.tobytes())
    ran = subprocess.run([tmp_path / "main"], cwd=tmp_path, capture_output=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr
    found = np.frombuffer((tmp_path / "out.bin").read_bytes(), np.float32)
    stream = load(path).stream()
    expected = np.concatenate([stream.push(frames), stream.finish()])
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-5)
