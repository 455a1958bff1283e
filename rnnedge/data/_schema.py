"""What a run remembers of the data that it was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rnnedge_runtime.annotated import checked
from rnnedge_runtime.arguments import mapping
from rnnedge_runtime.errors import InputError


@dataclass(frozen=True)
class ColumnSchema:
    """One number of a frame, or of what is learned. `role`: "feature" or "target"; `unit`: "" where none is given."""

    name: str
    role: str
    unit: str = ""


@dataclass(frozen=True)
class PartSchema:
    """How much there is of a part; `classes`: sequences, or frames, of every class."""

    sequences: int
    frames: int
    classes: Mapping[str, int]


@dataclass(frozen=True)
class DataSchema:
    """Columns in the order of the network's inputs and outputs, their units and rate, the classes, and how much.

    Made by `rnnedge.data.read_data`; kept with the run. `source` is the name of the file or folder, without where it
    was. `horizon`: frames that a forecast looks ahead, 0 for other tasks.
    """

    source: str
    format: str
    task: str
    columns: tuple[ColumnSchema, ...]
    labels: tuple[str, ...]
    frame_rate_hz: float | None
    horizon: int
    parts: Mapping[str, PartSchema]

    @checked
    def named(self, role: str) -> tuple[ColumnSchema, ...]:
        """The columns of a role."""
        return tuple(column for column in self.columns if column.role == role)

    def summary(self) -> str:
        """One line: how much there is of each part, in which classes, at which rate."""
        parts = [f"{name} {part.sequences} sequences, {part.frames} frames" for name, part in self.parts.items()]
        counts = next(iter(self.parts.values())).classes
        classes = "; classes in training: " + ", ".join(f"{label} {counts[label]}" for label in self.labels)
        rate = f"{self.frame_rate_hz:g} frames a second" if self.frame_rate_hz else "no fixed frame rate"
        return f"{self.source}: {'; '.join(parts)}; {rate}{classes if self.labels else ''}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; `from_dict` reads it back."""
        fields: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return fields

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> DataSchema:
        """Raises `InputError` for other fields than `to_dict` gives."""
        try:
            given = mapping(fields, "schema")
            columns = tuple(ColumnSchema(**column) for column in given["columns"])
            parts = {name: PartSchema(**part) for name, part in given["parts"].items()}
            return DataSchema(**{**given, "columns": columns, "labels": tuple(given["labels"]), "parts": parts})
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"schema: not the fields of a data schema ({type(error).__name__}: {error})") from error

    def provenance(self) -> dict[str, str]:
        """For the contract of an exported file: which column an input or output number is, and in which unit."""

        def listed(role: str) -> str:
            return json.dumps([f"{c.name} [{c.unit}]" if c.unit else c.name for c in self.named(role)])

        facts = {"data": f"{self.source} ({self.task})", "features": listed("feature"), "targets": listed("target")}
        return {**facts, "horizon_frames": str(self.horizon)} if self.horizon else facts
