"""Predictions as rows: CSV with a header, or JSON lines."""

from __future__ import annotations

import csv
import json
from typing import IO, Any

from rnnedge.report.escape import in_csv, in_json
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.golden import named
from rnnedge_runtime.scores import Scores


class Writer:
    """Writes what a stream returned, a row per frame and one for each summary; frames count from 0."""

    def __init__(self, file: IO[str], contract: Contract, format: str, values: bool, logits: bool = False) -> None:
        """`format` is "csv" or "jsonl"; `values` writes all values where the contract has labels too.

        Values of labels are probabilities where the file says how, see `rnnedge_runtime.scores`; `logits` leaves them.
        """
        self._scores = Scores(contract, logits)
        if format == "csv" and len(contract.results) > 1:
            names = ", ".join(port.name for port in contract.results)
            raise InputError(
                f"a CSV table has one kind of row, the model has several outputs ({names}); use --format jsonl"
            )
        self._file, self._contract = file, contract
        self._rows = csv.writer(file, lineterminator="\n") if format == "csv" else None
        self._values = values
        # A table has one kind of row: that of the output, not of the taps.
        shown = contract.results if format == "csv" else contract.outputs
        self._counts = dict.fromkeys((port.name for port in shown), 0)
        self._header_written = False

    def write(self, frames: Frames) -> None:
        """Write what one `push` or `finish` returned."""
        for name, array in named(self._contract, frames).items():
            if name not in self._counts:
                continue
            for value in self._scores.of(name, array):
                self._write_row(name, value)
                self._counts[name] += 1

    def _write_row(self, name: str, value: Array) -> None:
        port = next(p for p in self._contract.outputs if p.name == name)
        row: dict[str, Any] = {"frame": self._counts[name] if port.per_frame else "end"}
        if port.per_frame and self._contract.frame_rate_hz:
            row["time_s"] = round(float(self._counts[name] / port.clock.rate) / self._contract.frame_rate_hz, 6)
        labels = self._contract.labels
        labelled = bool(labels) and value.ndim == 1 and len(value) == len(labels)
        if labelled:
            best = int(value.argmax())
            row |= {"label": labels[best], "score": _short(value[best])}
        numbers = [_short(v) for v in value.reshape(-1)] if self._values or not labelled else []
        if self._rows is None:
            output = {"output": name} if len(self._counts) > 1 else {}
            # With its line end in one piece, so that an interruption cannot come between.
            line = json.dumps({**row, **output, **({"values": numbers} if numbers else {})})
            self._file.write(f"{in_json(line)}\n")
            return
        columns = [*row, *(labels if labelled and numbers else (f"{name}{i}" for i in range(len(numbers))))]
        if not self._header_written:
            self._rows.writerow(map(in_csv, columns))
            self._header_written = True
        cells = (in_csv(cell) if isinstance(cell, str) else cell for cell in row.values())
        self._rows.writerow([*cells, *numbers])


def _short(value: Any) -> float:
    """Seven significant digits: what float32 carries."""
    return float(f"{float(value):.7g}")
