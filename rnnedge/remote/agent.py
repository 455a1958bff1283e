"""The program that runs on the other machine; its source is sent, so it imports the standard library only.

Standard input: one line of JSON (what to run), the archive, then nothing until the connection ends. Standard output:
a NUL once the benchmark begins, then what it prints. Standard error is the benchmark's. As soon as standard input
ends, however that came about, the benchmark is ended; the folder is removed in any case.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

_PATIENCE_S = 3.0


def main() -> int:
    """Do what the line says; returns an exit code as a shell gives it."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    task: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    lacking = [package for module, package in task["needs"].items() if find_spec(module) is None]
    if lacking:
        packages = " ".join(lacking)
        sys.exit(f"{sys.executable} lacks {packages}; install there: {sys.executable} -m pip install {packages}")
    archive = sys.stdin.buffer.read(task["bytes"])
    if len(archive) < task["bytes"]:
        return 1
    with tempfile.TemporaryDirectory(prefix="rnnedge-", ignore_cleanup_errors=True) as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            # Pythons before 3.12 know no filter, or not in every release; the archive is our own.
            tar.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # type: ignore[arg-type]
        del archive
        return _run(task, Path(folder))


def _run(task: dict[str, Any], folder: Path) -> int:
    scratch = folder / "scratch"
    scratch.mkdir()
    paths = [str(folder / task["library"]), os.environ.get("PYTHONPATH", "")]
    more = {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TMPDIR": str(scratch),
        # An error in one line, and stages that are told if there is no terminal.
        "TYPER_USE_RICH": "0",
        "RNNEDGE_STAGES": "1",
    }
    os.write(1, b"\0")
    child = subprocess.Popen(
        [sys.executable, "-m", "rnnedge", *task["arguments"]],
        cwd=folder / task["work"],
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=_end_with_input, args=(child,), daemon=True).start()
    try:
        code = child.wait()
    finally:
        _end(child)
    return code if code >= 0 else 128 - code


def _end_with_input(child: subprocess.Popen[bytes]) -> None:
    # Not sys.stdin, whose lock the interpreter wants when it ends.
    while os.read(0, 1 << 16):
        pass
    _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the benchmark and whatever it started: gently, then not."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_PATIENCE_S)
        os.killpg(child.pid, signal.SIGKILL)


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
