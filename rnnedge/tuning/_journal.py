"""What a tuning run has found so far, in a file next to its output, so that it can go on after an interruption."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnedge_runtime.atomic import write_text
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import read_plain

_SCHEMA = 1


@dataclass
class Memory:
    """Quick looks by candidate, proofs by the SHA-256 of a file (its error), refusals by candidate.

    `about` says what all of it holds for: another source, machine or version begins again.
    """

    path: Path
    about: Mapping[str, str]
    quick_us: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, output: Path, about: Mapping[str, str]) -> Memory:
        """What was kept next to `output`, or an empty one; what cannot be read is forgotten."""
        memory = cls(output.with_name(output.name + ".tuning.json"), dict(about))
        with suppress(InputError, ValueError, KeyError, TypeError, RecursionError):
            found: dict[str, Any] = json.loads(read_plain(memory.path))
            if found["schema"] == _SCHEMA and found["about"] == memory.about:
                memory.quick_us = {str(k): float(v) for k, v in found["quick_us"].items()}
                memory.errors = {str(k): float(v) for k, v in found["errors"].items()}
                memory.refused = {str(k): str(v) for k, v in found["refused"].items()}
        return memory

    def keep(self) -> None:
        """Write it whole."""
        fields = {name: getattr(self, name) for name in ("about", "quick_us", "errors", "refused")}
        write_text(self.path, json.dumps({"schema": _SCHEMA, **fields}, indent=1) + "\n")

    def forget(self) -> None:
        """The run is done."""
        with suppress(OSError):
            self.path.unlink()
