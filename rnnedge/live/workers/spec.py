"""What a worker has to know to begin; passed to its process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rnnedge.live.server.options import ServeOptions
from rnnedge_runtime import Model


@dataclass(frozen=True)
class WorkerSpec:
    """`load` opens `file`, `load_posted` one that is posted, or None; both are picked up by the process of the worker.

    `name`: what the model is called. `metrics`: a folder in which the workers count together.
    """

    file: Path
    name: str
    options: ServeOptions
    load: Callable[[Path], Model]
    load_posted: Callable[[Path], Model] | None
    metrics: Path
