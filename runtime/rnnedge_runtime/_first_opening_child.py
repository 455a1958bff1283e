"""What runs in the process of `untrusted._first_opening`: limits for itself, then the file.

Reads a line of JSON and the file from stdin; writes lines of JSON to stdout, of which the last one is the verdict.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from rnnedge_runtime.untrusted.child_limits import WAITING, answers, end_after, limit_itself

_GRACE_SECONDS = 0.3


def main() -> None:
    """Open, replay and try the file; ends the process."""
    say = answers()
    asked = json.loads(sys.stdin.buffer.readline())
    from rnnedge_runtime.engines import _ort as ort  # noqa: F401 (imported before the limits, which count from here)
    from rnnedge_runtime.engines.settings import Settings
    from rnnedge_runtime.errors import ModelRefused, ProviderError
    from rnnedge_runtime.untrusted.limits import Limits

    settings, limits = Settings(**asked["settings"]), Limits(**asked["limits"])
    data = sys.stdin.buffer.read()
    limit_itself(settings, limits, asked["seconds"], len(data))
    try:
        say(at="opened")
        _open(data, asked["name"], settings, limits, say)
    except (ModelRefused, ProviderError) as error:
        say(kind=type(error).__name__, text=str(error))
    except MemoryError:
        say(kind="ModelRefused", text=f"expected to open and replay within {limits.arena_bytes:,} bytes for its values")
    else:
        say(at="tried", result="accepted")
    # Threads of onnxruntime may still be busy, and nothing here needs an orderly end.
    os._exit(0)


def _open(data: bytes, name: str, settings: Any, limits: Any, say: Any) -> None:
    from rnnedge_runtime.loader import open_bytes
    from rnnedge_runtime.untrusted._exercise import exercise

    # Its own watch counts the time that other processes take, too.
    patient = limits._replace(seconds=WAITING * limits.seconds, device_seconds=WAITING * limits.device_seconds)
    model = open_bytes(data, name, settings, trust="strict", in_child=False, limits=patient)
    # From here on, being late is no refusal.
    say(at="tried", result="accepted")
    end_after(limits.trial_seconds + _GRACE_SECONDS, max(1, settings.threads))
    exercise(model, limits.trial_seconds)
