"""Exports of tests that make no claim of the length of a proof: over fewer frames than a user's, from one capture.

The proof is two thirds of an export's time. `make soak` chains all 10,000 frames here too.
"""

from __future__ import annotations

import os
from typing import Any

import rnnedge_export
from rnnedge_export import Effort
from rnnedge_export.capture import CaptureCache
from rnnedge_export.report import Report

EFFORT = Effort() if os.environ.get("RNNEDGE_SOAK") == "full" else Effort(frames=1024)
# A network is captured once in a process, whatever it is exported to.
CAPTURES = CaptureCache()


def export(module: Any, example: Any, path: Any, **options: Any) -> Report:
    """`rnnedge_export.export`."""
    with CAPTURES:
        return rnnedge_export.export(module, example, path, **{"effort": EFFORT, **options})


def convert(offline: Any, path: Any, **options: Any) -> Report:
    """`rnnedge_export.convert`."""
    return rnnedge_export.convert(offline, path, **{"effort": EFFORT, **options})


def adopt(file: Any, path: Any, **options: Any) -> Report:
    """`rnnedge_export.adopt`."""
    return rnnedge_export.adopt(file, path, **{"effort": EFFORT, **options})


def verify(file: Any, source: Any, **options: Any) -> Any:
    """`rnnedge_export.verify`."""
    return rnnedge_export.verify(file, source, **{"effort": EFFORT, **options})
