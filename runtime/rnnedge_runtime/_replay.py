"""Replay the golden sample of a loaded model."""

from __future__ import annotations

from rnnedge_runtime._memory import MOST_SEQUENCES
from rnnedge_runtime.arguments import instance, integer
from rnnedge_runtime.golden import GoldenReport, replay_golden
from rnnedge_runtime.model import Model


def replay(model: Model, batch: int | None = None) -> GoldenReport:
    """Stream the golden sample of `model` as a whole and frame by frame, and compare with the recorded outputs.

    `batch` copies of it run together; None: as many as the file was made for. Raises `ContractError` where the file has
    no golden sample, or one that is not of its own inputs and outputs.
    """
    instance(model, "replay", Model, remedy="use rnnedge.load")
    if batch is not None:
        integer(batch, "replay: batch", most=MOST_SEQUENCES)
    return replay_golden(model.loaded, batch)
