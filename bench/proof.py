"""What each check of the proof takes of a warm export: `python -m bench.proof` (writes docs/figures/proof.md)."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import rnnedge_export
from bench.pages import machine, publish, table
from rnnedge_export.report import Report

_TURNS = 4


class Strided(nn.Module):
    """A convolution of stride two, an LSTM, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lstm = nn.Conv1d(40, 48, 5, stride=2), nn.LSTM(48, 64, batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Frames (batch, time, 40) -> (batch, time / 2, 10)."""
        return self.head(self.lstm(torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2))[0])


NETWORKS: dict[str, tuple[nn.Module, Mapping[str, Any]]] = {
    "GRU(40, 64)": (nn.GRU(40, 64, batch_first=True), {}),
    "convolution of stride 2, LSTM": (Strided(), {}),
    "GRU(40, 64), int8": (nn.GRU(40, 64, batch_first=True), {"precision": "int8"}),
}


def main() -> None:
    """Measure every network, and write the page."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found = {name: _fastest(*case) for name, case in NETWORKS.items()}
    checks = dict.fromkeys(check.name for report in found.values() for check in report.verification.checks)
    rows = [(name, *(_cell(report, name) for report in found.values())) for name in checks]
    rows.append(("all checks", *(_told(one.verification.seconds, one) for one in found.values())))
    rows.append(("whole export", *(f"{one.seconds:.2f} s" for one in found.values())))
    host = machine("processor", "cores", "python", "torch")
    note = (
        f"Seconds and the share of a warm export, the fastest of {_TURNS}, by `make bench-proof`, one thread: {host}."
    )
    publish("proof.md", table(("check", *found), rows), note)


def _fastest(module: nn.Module, options: Mapping[str, Any]) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        path, example = Path(folder) / "m.onnx", torch.zeros(1, 100, 40)
        turns = [rnnedge_export.export(module, example, path, **options) for _ in range(1 + _TURNS)]
    return min(turns[1:], key=lambda report: report.seconds)


def _cell(report: Report, name: str) -> str:
    """The check of that name; nothing if there is none."""
    seconds = [check.seconds for check in report.verification.checks if check.name == name]
    return _told(sum(seconds), report) if seconds else ""


def _told(seconds: float, report: Report) -> str:
    return f"{seconds:.3f} s, {seconds / report.seconds:.0%}"


if __name__ == "__main__":
    main()
