"""Occlusion of a file, by streaming it again and again: what a device can find out about its own network.

One frame at a time is replaced by the baseline; all of these sequences advance together where the file lets them.
"""

from __future__ import annotations

import numpy as np

from rnnedge.explain._attribution import Attribution, Baseline
from rnnedge.explain._outputs import Target
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import stream_all

# Longer sequences are occluded in windows of several frames: that many of them, and frames of all of them together.
_MOST_WINDOWS, _FEWEST_WINDOWS, _MOST_FRAMES = 512, 64, 1_000_000
_TOGETHER = 64


def occlude_file(model: Model, frames: Array, target: Target, baseline: Baseline) -> Attribution:
    """`frames` (time, ...) as they were recorded; every feature of a frame is replaced together."""
    time = len(frames)
    width = -(-time // min(_MOST_WINDOWS, max(_FEWEST_WINDOWS, _MOST_FRAMES // time)))
    starts = range(0, time, width)
    cases = [frames, baseline.frames]
    for start in starts:
        hidden = frames.copy()
        hidden[start : start + width] = baseline.frames[start : start + width]
        cases.append(hidden)
    together = _TOGETHER if model.contract.batch is None else model.contract.batch
    found = [value for i in range(0, len(cases), together) for value in _scores(model, cases[i : i + together], target)]
    whole, nothing, *rest = found
    shares = np.zeros((time, int(np.prod(frames.shape[1:], dtype=int))))
    for start, value in zip(starts, rest, strict=True):
        # As captum has it: every number of a window has the fall of the whole window.
        shares[start : start + width] = whole - value
    words = f"{width} frame{'s' * (width > 1)} of every feature at a time"
    return Attribution("occlusion", target, shares, whole, nothing, baseline.words, words)


def _scores(model: Model, cases: list[Array], target: Target) -> list[float]:
    batch = model.contract.batch or len(cases)
    padded = np.stack(cases + [cases[0]] * (batch - len(cases)))
    y = stream_all(model.stream(batch), padded if batch > 1 else padded[0])[target.output]
    rows = (y if batch > 1 else y[None]).reshape(batch, y.shape[1 if batch > 1 else 0], -1)
    return [float(value) for value in rows[: len(cases), target.frame, target.unit]]
