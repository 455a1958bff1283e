"""A process that this one starts to run what may end it: a plain interpreter, which finds what is named alone.

It is started without the environment's Python settings, without `site` and without the current folder: it finds this
package, numpy and onnxruntime where this process has found them, and what the caller names.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import IO

_MOST_WORDS = 4096
_NO_WINDOW = 0x08000000
_PYTHON = re.compile(r"(python|pypy|graalpy)[\w.-]*", re.ASCII | re.IGNORECASE)


class NoChild(Exception):
    """A process of its own cannot be started here; says why."""


def run_child(program: str, given: bytes, seconds: float, further: Sequence[str] = ()) -> tuple[bytes, int | None]:
    """What `program` says, at most a few lines, of `given` on its stdin, and how it ends; None: it had to be ended.

    It gets the folders of modules as arguments, `further` among them. Raises `NoChild` where none can be started.
    """
    # Here, since a file that is known needs neither.
    import subprocess
    from threading import Timer

    command = [_interpreter(), "-I", "-S", "-B", *_own_options(), "-c", program, *_folders(), *further]
    try:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment(),
            cwd=os.path.abspath(os.sep), start_new_session=True,
            creationflags=_NO_WINDOW if os.name == "nt" else 0,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise NoChild(str(error)) from error
    late = Timer(seconds, process.kill)
    late.daemon = True
    try:
        late.start()
        assert process.stdin is not None and process.stdout is not None
        _give(process.stdin, given)
        said = process.stdout.read(_MOST_WORDS)
        try:
            code: int | None = process.wait(1.0)
        except subprocess.TimeoutExpired:
            code = None
        return said, code
    finally:
        late.cancel()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)


def _give(pipe: IO[bytes], given: bytes) -> None:
    try:
        pipe.write(given)
        pipe.close()
    except OSError:
        # It has ended; how, its exit code tells.
        return


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:
        return


def _interpreter() -> str:
    """Raises `NoChild` where this process is no plain interpreter: to start it again would start something else."""
    path = sys.executable or ""
    if getattr(sys, "frozen", False) or sys.platform in ("emscripten", "wasi", "ios", "android"):
        raise NoChild("this program is no plain Python interpreter")
    if not _PYTHON.fullmatch(os.path.basename(path)) or not os.path.isabs(path):
        raise NoChild(f"sys.executable is {path!r}, no Python interpreter")
    return path


def _own_options() -> list[str]:
    """Compiled modules are where this process keeps them."""
    return ["-X", f"pycache_prefix={sys.pycache_prefix}"] if sys.pycache_prefix else []


def _folders() -> list[str]:
    """Where this process has found what the child needs."""
    import numpy

    from rnnedge_runtime.engines.onnx_runtime import onnxruntime

    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return list(dict.fromkeys([here, _folder(numpy), _folder(onnxruntime)]))


def _folder(module: ModuleType) -> str:
    return os.path.dirname(os.path.dirname(os.path.abspath(str(module.__file__))))


def _environment() -> dict[str, str]:
    """This one's; one thread each for libraries that make some when they are imported."""
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **alone}
