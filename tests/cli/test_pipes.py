"""A pipe in the place of a file that a verb reads is one line and an exit code, not a wait."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from bombs import GOLDEN
from command import Command

RUN = ("run", "net.onnx")
READ: dict[str, tuple[tuple[str, ...], int]] = {
    **{f"x.{kind}": ((*RUN, f"x.{kind}"), 6) for kind in ("csv", "jsonl", "npy", "npz", "wav")},
    "key.pem": (("verify", "net.onnx", "--key", "key.pem"), 6),
    "secret.pem": (("sign", "net.onnx", "--key", "secret.pem"), 6),
    "net.so": (("verify", "net.onnx", "--provider", "native"), 7),
    "named.so": (("verify", "net.onnx", "--provider", "native", "--provider-option", "native.library=named.so"), 7),
    "w.safetensors": (("export", "factories:gru", "-o", "o.onnx", "--weights", "w.safetensors"), 3),
    "w.pt": (("export", "factories:gru", "-o", "o.onnx", "--weights", "w.pt"), 3),
    "offline.onnx": (("export", "offline.onnx", "-o", "o.onnx"), 3),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("name", READ)
def test_a_pipe_is_not_waited_for(rnnedge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Frames, keys, libraries, weights and networks."""
    words, code = READ[name]
    monkeypatch.chdir(tmp_path)
    shutil.copy(GOLDEN, "net.onnx")
    os.mkfifo(name)
    done = rnnedge(*words)
    assert (done.code, done.err.count("\n")) == (code, 1), done
    assert name in done.err
