"""What an export gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnnedge_export.streaming import Step
from rnnedge_export.verify import Verification
from rnnedge_runtime.contract import Contract


@dataclass(frozen=True)
class Report:
    """A file that was written, what it promises, the proof, and the way that the time axis took through the network."""

    path: Path
    digest: str
    size_bytes: int
    contract: Contract
    verification: Verification
    steps: tuple[Step, ...] = ()
