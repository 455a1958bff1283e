"""Which input of a file carries time, and on which axis of it."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge_runtime.errors import ModelRefused


@dataclass(frozen=True)
class TimeAxis:
    """Which input carries time, and on which axis of it."""

    input_name: str | None
    axis: int

    @staticmethod
    def parse(text: str) -> TimeAxis:
        """Read "1" or "input:1"; raises `ModelRefused` for anything else."""
        name, colon, axis = text.rpartition(":")
        if not (axis.isascii() and axis.isdigit() and len(axis) < 3) or (colon and not name):
            raise ModelRefused(f"time axis: expected a number or input:number, found {text!r}; such as audio:1")
        return TimeAxis(name or None, int(axis))
