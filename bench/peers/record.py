"""What a run found, as it is kept: docs/figures/peers.json, from which every table and every ratio is written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.peers.harness import Row, Turns
from bench.peers.problem import Case
from bench.peers.roster import OURS
from rnnedge_runtime.atomic import write_text
from rnnedge_runtime.host import fingerprint

SCHEMA = 1
_KEPT = ("processor", "cores", "virtual machine", "python", "numpy", "onnxruntime")
# What decides how fast narrow numbers are.
_FLAGS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "i8mm",
    "bf16",
)
_PACKAGES = ("torch", "openvino", "executorch", "ai-edge-litert", "tract")


@dataclass(frozen=True)
class Cell:
    """One case of the table, with its rows by contender."""

    case: Case
    rows: Mapping[str, Row]

    def p50(self, contender: str) -> float | None:
        """Its median, microseconds; None where it has none."""
        row = self.rows.get(contender)
        return row.p50_us if row else None

    def best_of_ours(self, precision: str = "float32") -> Row | None:
        """The fastest way of rnnedge's at one precision."""
        timed = [
            row
            for row in self.rows.values()
            if row.contender.startswith(OURS) and row.precision == precision and row.p50_us is not None
        ]
        return min(timed, key=lambda row: row.p50_us or 0.0, default=None)


@dataclass(frozen=True)
class Record:
    """A run: the machine, how it was measured, and every cell."""

    host: Mapping[str, str]
    turns: Turns
    cells: tuple[Cell, ...]

    def save(self, path: Path) -> None:
        """Write it as JSON, one row a line, so that a change reads well."""
        head = {"schema": SCHEMA, "host": dict(self.host), "turns": asdict(self.turns)}
        lines = [json.dumps(head, indent=1)[:-2] + ',\n "cells": [']
        for cell in self.cells:
            rows = [json.dumps(_short(row)) for row in cell.rows.values()]
            lines.append(f'  {{"case": {json.dumps(asdict(cell.case))}, "rows": [\n   ' + ",\n   ".join(rows) + "]},")
        lines[-1] = lines[-1].removesuffix(",")
        write_text(path, "\n".join([*lines, " ]\n}", ""]))


def load(path: Path) -> Record:
    """Read what `save` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    if data["schema"] != SCHEMA:
        raise ValueError(f"{path}: expected schema {SCHEMA}, found {data['schema']}; run make bench-peers")
    cells = (
        Cell(Case(**cell["case"]), {row["contender"]: Row(**row) for row in cell["rows"]}) for cell in data["cells"]
    )
    return Record(data["host"], Turns(**data["turns"]), tuple(cells))


def machine() -> dict[str, str]:
    """What decides these figures of the host: processor, load, versions of the peers that are installed."""
    found = {name: text for name, text in fingerprint().items() if name in _KEPT}
    found["instructions"] = _instructions()
    if hasattr(os, "getloadavg"):
        found["load at the start"] = f"{os.getloadavg()[0]:.1f}"
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _instructions() -> str:
    try:
        words = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return "unknown"
    return " ".join(flag for flag in _FLAGS if flag in words) or "none of these"


def _short(row: Row) -> dict[str, object]:
    """Four digits tell all that the noise leaves."""
    numbers = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in asdict(row).items()}
    return {name: value for name, value in numbers.items() if value is not None}
