"""`python -m bench.native.boards`: networks on emulated microcontrollers; writes docs/figures/microcontrollers.md."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

import rnnedge_export
from bench.native.sizes import Spotter, loaded
from bench.pages import publish, table
from rnnedge_export import Effort
from rnnedge_export.codegen import build
from rnnedge_export.codegen.prove import prove

TARGETS = ("cortex-m4", "cortex-m7", "riscv32")
PRECISIONS = ("float32", "bf16", "int8")
_KB = 1024
# Flash and memory of two usual sizes of part.
_PARTS = ((64 * _KB, 16 * _KB), (256 * _KB, 64 * _KB))
_EFFORT = Effort(frames=1024)


class Words(nn.Module):
    """Convolutions over 40 features, without recurrence: a keyword spotter of 17,000 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(40 if k == 0 else 32, 32, 3, dilation=2**k) for k in range(5))
        self.head = nn.Linear(32, 12)

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, time, 40) -> scores (batch, time, 12)."""
        y = x.transpose(1, 2)
        for k, conv in enumerate(self.convs):
            y = torch.relu(conv(nn.functional.pad(y, (2 << k, 0))))
        return self.head(y.transpose(1, 2))


@dataclass(frozen=True)
class Network:
    """What is compiled, how many features it takes, and the multiply-adds of a frame, counted by hand."""

    name: str
    module: nn.Module
    features: int
    products: int


@dataclass(frozen=True)
class Row:
    """Bytes of code, weights, memory and stack; instructions of a step and their error against onnxruntime."""

    network: Network
    precision: str
    target: str
    code: int
    weights: int
    memory: int
    stack: int
    instructions: float
    error: float

    @property
    def fits(self) -> str:
        """The smallest usual part that has room."""
        flash, memory = self.code + self.weights, self.memory + self.stack
        found = [f for f, m in _PARTS if flash <= f and memory <= m]
        return f"{found[0] // _KB} KB" if found else "no"


def networks() -> tuple[Network, ...]:
    """The demo's network and three others."""
    torch.manual_seed(0)
    return (
        Network("the demo: GRU(12, 64), Linear(9)", Spotter(), 12, 3 * 64 * (12 + 64) + 64 * 9),
        Network("LSTM(40, 64)", nn.LSTM(40, 64, batch_first=True), 40, 4 * 64 * (40 + 64)),
        Network("GRU(40, 128)", nn.GRU(40, 128, batch_first=True), 40, 3 * 128 * (40 + 128)),
        Network("five convolutions of 32, Linear(12)", Words(), 40, 3 * 32 * (40 + 4 * 32) + 32 * 12),
    )


def main() -> None:
    """Compile, prove and count everything, and write the table."""
    with tempfile.TemporaryDirectory() as place:
        rows = []
        for row in _measure(Path(place)):
            print(row)
            rows.append(row)
    publish("microcontrollers.md", *_page(rows))


def _measure(place: Path) -> Iterator[Row]:
    for number, network in enumerate(networks()):
        for precision in PRECISIONS:
            path = place / f"{number}-{precision}.onnx"
            example = torch.zeros(1, 64, network.features)
            options = {"form": "step", "precision": precision, "effort": _EFFORT}
            rnnedge_export.export(network.module.eval(), example, path, **options)
            for target in TARGETS:
                yield _row(network, precision, target, path.read_bytes(), place / f"{path.stem}-{target}")


def _row(network: Network, precision: str, target: str, data: bytes, folder: Path) -> Row:
    built = build(data, target, folder, name="net")
    proof = prove(data, built)
    if proof is None or proof.instructions is None or proof.stack_bytes is None:
        raise SystemExit(f"{target}: needs QEMU (Debian: apt-get install qemu-system-arm qemu-system-misc)")
    assert built.artifact is not None
    program, weights = built.source.programs[0], built.source.weight_bytes
    code = loaded(built.artifact.read_bytes()) - weights
    figures = (code, weights, program.memory_bytes, proof.stack_bytes, proof.instructions, proof.max_error)
    return Row(network, precision, target, *figures)


def _page(rows: list[Row]) -> tuple[str, str]:
    """The table, and how it was measured."""
    heads = ("network", "precision", "processor", "code", "weights", "memory", "stack", "instructions")
    heads += ("of a multiply-add", "error", "fits in")
    found = [
        (r.network.name, r.precision, r.target, f"{r.code:,}", f"{r.weights:,}", f"{r.memory:,}", f"{r.stack:,}",
         f"{r.instructions:,.0f}", f"{r.instructions / r.network.products:.1f}", f"{r.error:.0e}", r.fits)
        for r in rows
    ]  # fmt: skip
    note = (
        "Bytes; memory is the stream with its working memory, and the arrays of inputs and outputs. Instructions are "
        "those of one frame, counted by QEMU on its boards mps2-an386, mps2-an500 and virt; one may take more than one "
        "cycle. Errors are of the range, over 200 frames, against onnxruntime. Parts: 64 KB of flash with 16 KB of "
        "memory, 256 KB with 64 KB. Written by `python -m bench.native.boards`."
    )
    return table(heads, found, words=3), note


if __name__ == "__main__":
    main()
