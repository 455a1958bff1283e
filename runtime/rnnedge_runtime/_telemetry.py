"""Keeps onnxruntime's telemetry off, in this process and in those that it starts.

From 1.32 on, onnxruntime makes a device id and a database in the user's cache as soon as it is imported, and looks a
host up seconds later. `ORT_DISABLE_TELEMETRY` in the environment stops all of it, if it is there before the import; its
Python function `disable_telemetry_events` only stops later events.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "ORT_DISABLE_TELEMETRY"


def keep_off() -> None:
    """Set the variable, unless the user has; called before anything of this package is imported.

    Where the program has imported onnxruntime before us, what it did then stays; its later events are stopped.
    """
    if VARIABLE in os.environ:
        return
    os.environ[VARIABLE] = "1"
    stop = getattr(sys.modules.get("onnxruntime"), "disable_telemetry_events", None)
    if stop is not None:
        stop()
