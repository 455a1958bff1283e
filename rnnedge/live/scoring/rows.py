"""What is written of a recording: its label, and the values of its outputs over all frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnedge.live.predictions import short
from rnnedge_runtime.contract import Array, Contract

REDUCTIONS = ("mean", "max", "last")


def recording_row(contract: Contract, outputs: Mapping[str, Array], frames: int, reduce: str) -> dict[str, Any]:
    """One row: `frames`, `label` and `score` of the first output if it has labels, and a column for each value.

    A summary is written as it is; of an output of every frame `reduce` over time: its mean, its largest or last value.
    """
    row: dict[str, Any] = {"frames": frames}
    values: dict[str, float] = {}
    for port in contract.results:
        array = np.asarray(outputs[port.name])
        flat = (_over_time(array, reduce) if port.per_frame else array).reshape(-1)
        labels = contract.labels if len(contract.labels) == len(flat) else ()
        if labels and "label" not in row:
            best = int(flat.argmax())
            row |= {"label": labels[best], "score": short(flat[best])}
        names = labels if labels and len(contract.results) == 1 else [f"{port.name}{i}" for i in range(len(flat))]
        values |= dict(zip(names, map(short, flat), strict=True))
    return {**row, **{name if name not in row else f"value_{name}": value for name, value in values.items()}}


def _over_time(array: Array, reduce: str) -> Array:
    if not len(array):
        return np.full(array.shape[1:], np.nan)
    if reduce == "last":
        return np.asarray(array[-1])
    return np.asarray(array.max(axis=0) if reduce == "max" else array.mean(axis=0, dtype=np.float64))
