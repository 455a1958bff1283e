"""The runtime where what only POSIX has is missing, as on Windows: taken away in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from native_library import compile_library

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
PROGRAM = """
import asyncio, multiprocessing, os, platform, signal, subprocess, sys, tempfile
import numpy as np
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in (
    "fork", "register_at_fork", "memfd_create", "getuid", "uname", "sysconf", "getloadavg",
    "sched_getaffinity", "O_NONBLOCK", "O_NOCTTY", "O_NOFOLLOW", "O_CLOEXEC", "O_DIRECTORY",
):
    delattr(os, name)
for name in ("setitimer", "SIGALRM", "SIGPROF", "SIGXCPU"):
    delattr(signal, name)
import rnnedge_runtime as r
from rnnedge_runtime.host import fingerprint

file, folder = sys.argv[1:]
for options in ({"trust": "local"}, {"trust": "strict"}, {"trust": "local", "provider": "native"}):
    model = r.load(file, **options)
    assert r.replay(model).passed
    frames = np.zeros((8, *model.contract.inputs[0].frame_shape), np.float32)
    stream, other = model.stream(time_limit_s=60.0), model.stream()
    stream.push(frames)
    for _ in range(2):
        stream.save(os.path.join(folder, "stream.state"))
    other.load(os.path.join(folder, "stream.state"))
    assert all((a == b).all() for a, b in zip([stream.finish()], [other.finish()]))
    pool = model.pool(2)
    member = pool.join()
    pool.push({member: frames})
    with pool.batcher() as batcher:
        batcher.push(member, frames)
assert fingerprint()["python"]
print("all of it")
"""


def test_the_runtime_runs_without_what_only_posix_has(tmp_path: Path, monkeypatch) -> None:
    """Loading, trusted and strict, streams, time limits, snapshots in files, pools, batchers, the native engine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "net.onnx").write_bytes(GOLDEN.read_bytes())
    compile_library(GOLDEN.read_bytes(), tmp_path)
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path / "net.onnx"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.stdout == "all of it\n", done.stderr
