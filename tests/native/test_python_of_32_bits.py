"""The runtime itself on a processor of 32 bits: Debian's Python and numpy for armhf, under qemu-user.

Runs where RNNEDGE_ARMHF names a folder into which these packages of Debian 12 were unpacked (`apt-get download
NAME:armhf`, `dpkg -x`): libc6 libgcc-s1 libgfortran5 libblas3 liblapack3 zlib1g libexpat1 libffi8 libssl3
libpython3.11-minimal libpython3.11-stdlib python3.11-minimal python3-numpy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from exported import export_network

import rnnedge
from rnnedge_export.codegen import build
from rnnedge_runtime import load

ROOT = os.environ.get("RNNEDGE_ARMHF", "")
USE = """
import sys
import numpy as np
import rnnedge
for trust in ("local", "strict"):
    model = rnnedge.load("net.onnx", provider="native", trust=trust)
    stream, frames = model.stream(), np.load("frames.npy")
    outputs = [stream.push(frames[:7])]
    kept = stream.snapshot()
    stream.push(frames[7:])
    stream.restore(kept)
    np.save(f"{trust}.npy", np.concatenate([*outputs, stream.push(frames[7:]), stream.finish()]))
assert sys.maxsize < 1 << 32 and "onnxruntime" not in sys.modules
"""


@pytest.mark.long
def test_a_stream_on_32_bits_gives_what_onnxruntime_gives_here(tmp_path: Path) -> None:
    """Loaded as a file of this machine and as one from somebody else; without onnxruntime."""
    pytest.importorskip("ziglang")
    emulator = shutil.which("qemu-arm-static") or shutil.which("qemu-arm")
    if not ROOT or emulator is None:
        pytest.skip("needs qemu-user and RNNEDGE_ARMHF")
    path = export_network("lstm-1", "step", tmp_path).path.rename(tmp_path / "net.onnx")
    build(path.read_bytes(), "armv7-linux", tmp_path, name="net")
    model = load(path)
    frames = np.random.default_rng(0).standard_normal((200, 5)).astype(np.float32)
    np.save(tmp_path / "frames.npy", frames)
    (tmp_path / "use.py").write_text(USE)
    subprocess.run(_python(emulator, "use.py"), cwd=tmp_path, check=True)
    stream = model.stream()
    expected = np.concatenate([stream.push(frames), stream.finish()])
    for trust in ("local", "strict"):
        np.testing.assert_allclose(np.load(tmp_path / f"{trust}.npy"), expected, atol=1e-5)


def _python(emulator: str, *words: str) -> list[str]:
    root = Path(ROOT)
    ours = [Path(package.__file__ or "").parents[1] for package in (rnnedge, __import__("rnnedge_runtime"))]
    libraries = [
        root / folder / "arm-linux-gnueabihf" / part
        for folder in ("usr/lib", "lib")
        for part in (".", "blas", "lapack")
    ]
    variables = {
        "LD_LIBRARY_PATH": libraries,
        "PYTHONPATH": [*ours, root / "usr/lib/python3/dist-packages"],
        "PYTHONHOME": [root / "usr"],
        "PYTHONDONTWRITEBYTECODE": ["1"],
    }
    settings = [word for name, paths in variables.items() for word in ("-E", f"{name}={':'.join(map(str, paths))}")]
    return [emulator, "-L", ROOT, *settings, str(root / "usr/bin/python3.11"), *words]
