"""Untrusted files that a process of its own has opened and replayed on this machine, each once.

What the process saw holds for the same bytes, the same onnxruntime, the same loader, the same settings and the same
processor; any other is a verdict of its own. They stand in the user's state folder, next to the list of what was
exported here, if there is such a folder, or the user has named one: to load a file writes nothing into a home that has
nothing of us. Else they stand in one of the user's own among the temporary files. Either list is believed as that of
exported files is (`trust`). Where it cannot be written, every load starts the process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from rnnedge_runtime._sha256 import sha256
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.trust import listed, remember
from rnnedge_runtime.untrusted.limits import Limits
from rnnedge_runtime.user_folders import state_folder

PLAIN, GUARDED = "plain", "guarded"
_KIND = "replayed"
# Of this package, and next to it: what says which file is harmless.
_JUDGES = ("", "operator_table")
_READERS = ("contract_json.py", "_contract_check.py", "_contract_rules.py", "golden.py", "golden_dependence.py",
            "golden_tolerance.py", "protobuf_reader.py")  # fmt: skip
_TEMPORARY = "/tmp"
_PROCESSOR = (
    "/sys/devices/system/cpu/modalias",
    "/sys/devices/system/cpu/cpu0/regs/identification/midr_el1",
)


def verdict_of(digest: str, providers: Sequence[str], settings: Settings, limits: Limits) -> str:
    """The name, 64 hexadecimal digits, under which a verdict over the file of this digest is kept."""
    from rnnedge_runtime.engines.onnx_runtime import onnxruntime

    asked = (settings.threads, settings.spinning, settings.flush_denormals, settings.optimization)
    options = {name: dict(settings.provider_options.get(name, {})) for name in providers}
    engine = (onnxruntime.__version__, getattr(onnxruntime, "get_build_info", str)(), onnxruntime.__file__)
    parts: list[Any] = [digest, list(providers), options, asked, engine, list(limits), _loader(), _processor()]
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def known(verdict: str) -> str | None:
    """What `accept` was told of it: `PLAIN` or `GUARDED`; None: nothing."""
    return next(
        (form for form in (PLAIN, GUARDED) if verdict and listed(_entry(verdict, form), _KIND, _folder())), None
    )


def accept(verdict: str, form: str) -> None:
    """Remember that the file has been opened and replayed without harm: as it is, or with guards (`guards`)."""
    remember(_entry(verdict, form), _KIND, _folder())


def _entry(verdict: str, form: str) -> str:
    return verdict if form == PLAIN else sha256(f"{verdict} {form}".encode()).hexdigest()


def _folder() -> str:
    variable = "LOCALAPPDATA" if os.name == "nt" else "XDG_STATE_HOME"
    try:
        folder = state_folder()
        if os.path.isabs(os.environ.get(variable, "")) or os.path.isdir(folder):
            return folder
    except RuntimeError:
        # A user without a home has temporary files all the same.
        pass
    user = os.getuid() if hasattr(os, "getuid") else ""
    temporary = os.environ.get("TMPDIR", "")
    return os.path.join(temporary if os.path.isabs(temporary) else _TEMPORARY, f"rnnedge-{user}")


def _loader() -> list[tuple[str, int, int]]:
    """The files that judge: another version of them looks for other things. Asking for its number takes 20 ms."""
    here = os.path.dirname(__file__)
    files: list[tuple[str, os.stat_result]] = []
    for folder in _JUDGES:
        with os.scandir(os.path.join(here, folder)) as entries:
            files += [(os.path.join(folder, e.name), e.stat()) for e in entries if e.name.endswith(".py")]
    files += [(name, os.stat(os.path.join(os.path.dirname(here), name))) for name in _READERS]
    return sorted((name, found.st_size, found.st_mtime_ns) for name, found in files)


def _processor() -> list[str]:
    """Its model and features, from files that take microseconds; `/proc/cpuinfo` asks every core."""
    found = list(os.uname()[-1:]) if hasattr(os, "uname") else [os.environ.get("PROCESSOR_IDENTIFIER", "")]
    for path in _PROCESSOR:
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                found.append(file.read(4096))
        except OSError:
            continue
    return found
