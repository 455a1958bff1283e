"""How an archive is scored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnedge.frames import ReadOptions
from rnnedge.live.scoring.rows import REDUCTIONS
from rnnedge_runtime.arguments import choice, integer
from rnnedge_runtime.errors import InputError


@dataclass(frozen=True)
class ScoreOptions:
    """How an archive is scored: `batch` recordings at once, in `workers` processes; `load` is passed to `load`.

    `workers`: 0 for one on each core. `reading`: how recordings are read. `on`: "ray" or "ray://HOST:PORT", the
    cluster whose processes these are. `logits`: values of labels as the network gives them, not as probabilities.
    """

    reduce: str = "mean"
    batch: int = 16
    workers: int = 1
    load: Mapping[str, Any] = field(default_factory=dict)
    reading: ReadOptions = field(default_factory=ReadOptions)
    on: str | None = None
    logits: bool = False

    def __post_init__(self) -> None:
        """Raise `InputError` for a reduction or a kind of cluster that does not exist, and for counts out of range."""
        choice(self.reduce, "score: reduce", REDUCTIONS)
        integer(self.batch, "score: batch", 1)
        integer(self.workers, "score: workers", 0)
        if self.on is not None and not re.fullmatch(r"ray|ray://[^/\s]+:\d+", self.on):
            raise InputError(f"score: on: expected ray, or ray://HOST:PORT, found {self.on!r}")
