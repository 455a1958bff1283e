"""The three parts of a task's data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnedge.training import SequenceData


@dataclass(frozen=True, eq=False)
class Splits:
    """What a network learns from, what decides when to stop, and what it has never seen.

    `train`, `validation`, `test`: (time, feature) float32 or (time,) int64 frames; their `labels` name the outputs.
    `frame_rate_hz`: frames per second, None where frames are not equally far apart in time. `schema`: what a run
    remembers of data of one's own, as JSON; empty for a task.
    """

    train: SequenceData
    validation: SequenceData
    test: SequenceData
    frame_rate_hz: float | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
