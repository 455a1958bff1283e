"""The roads of a batch: each sequence of it has a row of its own in states, snapshots, copies and gaps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnedge_export.verification.road_parts import of_one
from rnnedge_export.verification.roads import HELD
from rnnedge_runtime.contract import Array
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model


def batched(model: Model, frames: Mapping[str, Array]) -> dict[str, Array]:
    """Frames (batch, time, ...) as `with_gaps` makes them: a reset, a snapshot and a copy with frames held back, a gap.

    Every output, (batch, time, ...).
    """
    contract, unit = model.contract, model.contract.unit
    rows, time = next(iter(frames.values())).shape[:2]
    first, second, _ = (k * unit for k in HELD["hold"])
    waits = unit + max(1, unit // 2)

    def cut(at: int, until: int) -> Frames:
        return of_one({name: np.array(array[:, at:until], order="C") for name, array in frames.items()})

    stream, other = model.stream(rows, gap="hold"), model.stream(rows, gap="hold")
    stream.push(cut(unit, 3 * unit + 1))
    stream.reset()
    parts = [stream.push(cut(0, waits))]
    other.push(cut(unit, 2 * unit))
    other.restore(stream.snapshot())
    stream = other.copy()
    other.push(cut(0, unit))
    parts += [
        stream.push(cut(waits, first)),
        stream.gap(second - first),
        stream.push(cut(second, time)),
        stream.finish(),
    ]
    every = [named(contract, part) for part in parts]
    return {name: np.concatenate([part[name] for part in every], axis=1) for name in every[0]}
