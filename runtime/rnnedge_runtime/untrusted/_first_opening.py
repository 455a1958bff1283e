"""The first opening of an untrusted file, in a process of its own.

A kernel of onnxruntime that reads or writes beyond its buffers ends the process that it is in. So a file is first
opened, replayed and tried in a child, which has little memory, little time, no file to write and no terminal; what ends
the child is a refusal. `_first_opening_child.py` is what runs there.
"""

from __future__ import annotations

import json
import signal
from typing import Any

from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import ContractError, ModelRefused, ProviderError
from rnnedge_runtime.untrusted.child_limits import TIME_IS_UP, WAITING
from rnnedge_runtime.untrusted.child_process import NoChild, run_child
from rnnedge_runtime.untrusted.limits import Limits

__all__ = ["NoChild", "open_in_child"]

# For an interpreter on a machine that has other things to do; what the child does then is timed by the child itself.
_START_SECONDS = 60.0
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


def open_in_child(data: bytes, name: str, settings: Settings, limits: Limits, seconds: float) -> None:
    """Open, replay and try a sealed file in a child, which has `seconds` of a processor to open and replay it.

    Raises what the child raised, `ModelRefused` where it ended otherwise, and `NoChild` if there is none.
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
    return run_child(_RUN, given, seconds)


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
