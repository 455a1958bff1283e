"""How the graph of a file is to be run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rnnedge_runtime.errors import InputError

OPTIMIZATIONS = ("all", "extended", "basic", "none")


@dataclass(frozen=True)
class Settings:
    """What `rnnedge_runtime.load` was asked for; see there."""

    provider: str | Sequence[str] = "cpu"
    provider_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    threads: int = 1
    spinning: bool = False
    flush_denormals: bool = True
    optimization: str = "all"
    key: str | os.PathLike[str] | None = None
    release: int = 0

    def __post_init__(self) -> None:
        """Raise `InputError` for an optimization that does not exist."""
        if self.optimization not in OPTIMIZATIONS:
            raise InputError(f"optimization: expected one of {', '.join(OPTIMIZATIONS)}, found {self.optimization!r}")
