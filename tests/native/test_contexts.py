"""Values per sequence in C: set by a function of their own, kept by a reset."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import conditioned
import numpy as np
import torch

from rnnedge_export.codegen import write_c
from rnnedge_runtime.loader import load_bytes

X = np.random.default_rng(1).standard_normal((6, conditioned.FRAMES)).astype(np.float32)


def _library(folder: Path) -> ctypes.CDLL:
    source = write_c(conditioned.file(), "voice", lanes=4)
    (folder / "voice.c").write_text(source.c)
    (folder / "voice.h").write_text(source.h)
    command = ["cc", "-std=gnu99", "-O1", "-ffp-contract=off", "-shared", "-fPIC", "voice.c", "-o", "voice.so"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    library = ctypes.CDLL(str(folder / "voice.so"))
    library.voice_bytes.restype = ctypes.c_size_t
    return library


def _at(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def test_c_code_computes_with_the_context_that_was_set(tmp_path: Path) -> None:
    """After `init` that of the example; from then on what was set, over a reset, too."""
    library = _library(tmp_path)
    memory = np.zeros(library.voice_bytes() + 64, np.uint8)
    stream = ctypes.c_void_p(-(-memory.ctypes.data // 64) * 64)
    y = np.zeros(6, np.float32)

    def run() -> Any:
        found = []
        for frame in X:
            library.voice_step(stream, _at(frame), _at(y))
            found.append(y.copy())
        return np.array(found)

    library.voice_init(stream)
    np.testing.assert_allclose(run(), load_bytes(conditioned.file(), trust="local").stream().push(X), atol=1e-5)
    speaker, language = np.array([1.5, 0.0, -2.0], np.float32), np.array([3], np.int64)
    library.voice_set_speaker(stream, _at(speaker))
    library.voice_set_language(stream, _at(language))
    library.voice_reset(stream)
    with torch.no_grad():
        expected = conditioned.network()(*map(torch.from_numpy, (X[None], speaker[None], language)))[0].numpy()
    np.testing.assert_allclose(run(), expected, atol=1e-5)
    library.voice_reset(stream)
    np.testing.assert_allclose(run(), expected, atol=1e-5)
