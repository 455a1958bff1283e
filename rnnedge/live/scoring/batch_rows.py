"""The rows of a batch of recordings; one that cannot be read has its reason there, and harms no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge.frames import ReadOptions, read_frames
from rnnedge.live.scoring.batch import run_batch
from rnnedge.live.scoring.long_recording import long_row, most_held
from rnnedge.live.scoring.rows import recording_row
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, RnnEdgeError
from rnnedge_runtime.scores import Scores


def score_batch(
    model: Model, paths: Sequence[str], reduce: str, reading: ReadOptions, logits: bool = False
) -> list[dict[str, Any]]:
    """A row for each, with the reason in `error` if it cannot be scored.

    Values of labels are probabilities where the file says how, see `rnnedge_runtime.scores`; `logits` leaves them.
    """
    scores = Scores(model.contract, logits)
    rows: dict[str, dict[str, Any]] = {}
    given: dict[str, Array] = {}
    for path in paths:
        try:
            parts = _parts(path, model, reading)
            begun = _begun(path, parts, most_held(model.contract))
            rest = next(parts, None)
            if rest is None:
                given[path] = np.concatenate(begun)
            else:
                rows[path] = long_row(model, path, chain(begun, [rest], parts), reduce, scores)
        except RnnEdgeError as error:
            rows[path] = {"error": str(error)}
    try:
        found = run_batch(model, list(given.values()))
    except InputError:
        # One of them holds no number that the model can take: which, they tell by themselves.
        found = []
        for path in list(given):
            try:
                found += run_batch(model, [given[path]])
            except InputError as error:
                rows[path] = {"error": f"{path}: {error}"}
                del given[path]
    for (path, frames), outputs in zip(given.items(), found, strict=True):
        values = {name: scores.of(name, array) for name, array in outputs.items()}
        rows[path] = recording_row(model.contract, values, len(frames), reduce)
    return [{"file": path, "stamp": stamp(path), **rows[path]} for path in paths]


def stamp(path: str) -> list[int]:
    """What changes if a file does: its size and time."""
    try:
        found = Path(path).stat()
    # A name that no system takes is a ValueError.
    except (OSError, ValueError):
        return []
    return [found.st_size, found.st_mtime_ns]


def _parts(path: str, model: Model, reading: ReadOptions) -> Iterator[Array]:
    for part in read_frames(path, model.contract, reading):
        if isinstance(part, dict):
            raise InputError(f"{path}: expected frames of one input")
        yield part


def _begun(path: str, parts: Iterator[Array], most: int) -> list[Array]:
    """Parts until more than `most` frames came, or no more; raises `InputError` where there are no frames."""
    begun: list[Array] = []
    while sum(map(len, begun)) <= most and (part := next(parts, None)) is not None:
        begun.append(part)
    if not sum(map(len, begun)):
        raise InputError(f"{path}: expected at least one frame, found none")
    return begun
