"""Exports of tests that make no claim of the proof: over fewer frames and roads than a user's, from one capture.

Each proof takes a quarter of the roads through the runtime, another one in each test, so that all of them are taken
with hundreds of networks. `make soak` proves all here too.
"""

from __future__ import annotations

import os
from typing import Any
from zlib import crc32

import rnnedge_export
from rnnedge_export import Effort
from rnnedge_export.capture import CaptureCache
from rnnedge_export.effort import ROADS
from rnnedge_export.report import Report

_FULL = os.environ.get("RNNEDGE_SOAK") == "full"
_SHARE = 4
# A network is captured once in a process, whatever it is exported to.
CAPTURES = CaptureCache()


def effort() -> Effort:
    """Of the test that runs."""
    if _FULL:
        return Effort()
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" (")[0]
    return Effort(frames=1024, roads=ROADS[crc32(test.encode()) % _SHARE :: _SHARE])


def export(module: Any, example: Any, path: Any, **options: Any) -> Report:
    """`rnnedge_export.export`."""
    with CAPTURES:
        return rnnedge_export.export(module, example, path, **{"effort": effort(), **options})


def convert(offline: Any, path: Any, **options: Any) -> Report:
    """`rnnedge_export.convert`."""
    return rnnedge_export.convert(offline, path, **{"effort": effort(), **options})


def adopt(file: Any, path: Any, **options: Any) -> Report:
    """`rnnedge_export.adopt`."""
    return rnnedge_export.adopt(file, path, **{"effort": effort(), **options})


def verify(file: Any, source: Any, **options: Any) -> Any:
    """`rnnedge_export.verify`."""
    return rnnedge_export.verify(file, source, **{"effort": effort(), **options})
