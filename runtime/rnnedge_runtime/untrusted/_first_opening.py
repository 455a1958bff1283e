"""The first opening of a file from somebody else, in a process of its own.

A kernel of onnxruntime that reads or writes beyond its buffers ends the process that it is in. So a file is first
opened, replayed and tried in a child, which has little memory, little time, no file to write and no terminal; what ends
the child is a refusal. `_first_opening_child.py` is what runs there.

The child is started without the environment's Python settings, without `site` and without the current folder: it finds
this package, numpy and onnxruntime where this process has found them, and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from types import ModuleType
from typing import IO, Any

from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import ContractError, ModelRefused, ProviderError
from rnnedge_runtime.untrusted._child_limits import TIME_IS_UP, WAITING
from rnnedge_runtime.untrusted.limits import Limits

# For an interpreter on a machine that has other things to do; what the child does then is timed by the child itself.
_START_SECONDS = 60.0
_MOST_WORDS = 4096
_NO_WINDOW = 0x08000000
_PYTHON = re.compile(r"(python|pypy|graalpy)[\w.-]*", re.ASCII | re.IGNORECASE)
_RUN = "import sys; sys.path += sys.argv[1:]; from rnnedge_runtime._first_opening_child import main; main()"
# How a child ends that was late; None: this process ended it.
_LATE = (
    None,
    TIME_IS_UP,
    *(-getattr(signal, name) for name in ("SIGALRM", "SIGPROF", "SIGXCPU") if hasattr(signal, name)),
)
_KINDS: dict[str, type[ModelRefused] | type[ProviderError]] = {
    kind.__name__: kind for kind in (ModelRefused, ContractError, ProviderError)
}


class NoChild(Exception):
    """A process of its own cannot be started here; says why."""


def open_in_child(data: bytes, name: str, settings: Settings, limits: Limits, seconds: float) -> None:
    """Open, replay and try a sealed file in a child, which has `seconds` of a processor to open and replay it.

    Raises what the child raised, `ModelRefused` where it ended otherwise, and `NoChild` where there is none.
    """
    said, code = _run(
        _header(name, settings, limits, seconds) + data, WAITING * (seconds + limits.trial_seconds) + _START_SECONDS
    )
    words = _words(said)
    late = code in _LATE
    if words.get("result") == "accepted" and (late or not code):
        return
    kind = _KINDS.get(str(words.get("kind")))
    if kind is not None and not code:
        raise kind(_one_line(str(words.get("text"))))
    how = f"expected to open and replay in {seconds:g} s, found it still busy" if late else _end(code or 0, words)
    raise ModelRefused(f"its first opening, in a process of its own: {how}")


def _header(name: str, settings: Settings, limits: Limits, seconds: float) -> bytes:
    """One line; a string for what JSON does not have."""
    asked = {name: value for name, value in vars(settings).items() if name not in ("key", "release")}
    fields = {"name": name, "settings": asked, "limits": limits._asdict(), "seconds": seconds}
    return json.dumps(fields, default=str).encode() + b"\n"


def _run(given: bytes, seconds: float) -> tuple[bytes, int | None]:
    """What the child says, at most a few lines, and how it ends; None: it had to be ended."""
    # Here, since a file that is known needs neither.
    import subprocess
    from threading import Timer

    command = [_interpreter(), "-I", "-S", "-B", *_own_options(), "-c", _RUN, *_folders()]
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


def _words(said: bytes) -> dict[str, Any]:
    """The last line that the child wrote, as an object; whatever else it wrote says nothing."""
    try:
        found = json.loads(said.decode().strip().rpartition("\n")[2])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _one_line(text: str) -> str:
    """What a process says that a file may have taken over is shown as text, and not at length."""
    return "".join(c if c.isprintable() else "?" for c in text)[:500]


def _end(code: int, words: dict[str, Any]) -> str:
    at = f" while it was {words['at']}" if words.get("at") in ("opened", "tried") else ""
    if code >= 0:
        return f"it ended{at} with exit code {code} and no verdict"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name} ended it{at}"
