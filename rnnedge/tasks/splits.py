"""The three parts of a task's data."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge.training import SequenceData


@dataclass(frozen=True, eq=False)
class Splits:
    """What a network learns from, what decides when to stop, and what it has never seen.

    `train`, `validation`, `test`: (time, feature) float32 or (time,) int64 frames; their `labels` name the outputs.
    `frame_rate_hz`: frames per second, None where frames are not equally far apart in time.
    """

    train: SequenceData
    validation: SequenceData
    test: SequenceData
    frame_rate_hz: float | None = None
