"""Bytes of code and seconds of compiling."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import onnx
import torch
from torch import Tensor, nn

from bench.native.graph import step_file
from rnnedge_export.codegen import build
from rnnedge_runtime.errors import RnnEdgeError

_ALLOCATED, _NO_BITS = 2, 8


class Deep(nn.Module):
    """Forty residual blocks of products, convolutions and gates over time: a graph of more than 300 nodes."""

    def __init__(self, blocks: int = 40, width: int = 32) -> None:
        super().__init__()
        self.front = nn.Linear(16, width)
        self.convs = nn.ModuleList(nn.Conv1d(width, width, 3) for _ in range(blocks))
        self.gates = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.rnn = nn.GRU(width, width, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, time, 16) -> (batch, time, width)."""
        z = torch.tanh(self.front(x))
        for conv, gate in zip(self.convs, self.gates, strict=True):
            y = conv(nn.functional.pad(z.transpose(1, 2), (2, 0))).transpose(1, 2)
            z = z + torch.relu(y) * torch.sigmoid(gate(z))
        return self.rnn(z)[0]


@dataclass(frozen=True)
class Size:
    """One network for one target; `missing` says why there is none. `code` is what is loaded, less the weights."""

    name: str
    target: str
    missing: str = ""
    nodes: int = 0
    weights: int = 0
    code: int = 0
    seconds: float = 0.0
    wanted: str = ""
    kept: bool | None = None


def measure(folder: Path) -> list[Size]:
    """A cell for this machine, the demo's network for a microcontroller, a network of 300 nodes."""
    torch.manual_seed(0)
    cell = nn.LSTM(40, 64, batch_first=True).eval()
    demo = Spotter().eval()
    deep = Deep().eval()
    return [
        _size("LSTM(40, 64)", cell, 40, "native", folder / "cell", code=40 << 10, seconds=2.0),
        _size("the demo, GRU(12, 64) with a head", demo, 12, "cortex-m4", folder / "m4", code=8 << 10),
        _size("a deep network", deep, 16, "native", folder / "deep", seconds=30.0),
    ]


class Spotter(nn.Module):
    """Sizes of what `rnnedge demo` trains (`rnnedge/tasks/recipes/speech.toml`): nine speakers from 12 features."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(12, 64, batch_first=True)
        self.head = nn.Linear(64, 9)

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, time, 12) -> scores (batch, time, 9)."""
        return self.head(self.rnn(x)[0])


def _size(
    name: str, module: nn.Module, features: int, target: str, folder: Path, *, code: int = 0, seconds: float = 0.0
) -> Size:
    data = step_file(module, torch.zeros(1, 8, features))
    nodes = len(onnx.load_from_string(data).graph.node)
    begun = perf_counter()
    try:
        built = build(data, target, folder, block=None)
    except RnnEdgeError as error:
        return Size(name, target, missing=str(error), nodes=nodes)
    took = perf_counter() - begun
    assert built.artifact is not None
    whole = loaded(built.artifact.read_bytes())
    weights = 0 if built.source.weights else built.source.weight_bytes
    beside = whole - weights
    wanted = [f"code below {code >> 10} KB"] * bool(code) + [f"below {seconds:g} s"] * bool(seconds)
    kept = (not code or beside < code) and (not seconds or took < seconds)
    return Size(name, target, "", nodes, built.source.weight_bytes, beside, took, ", ".join(wanted), kept)


def loaded(elf: bytes) -> int:
    """Bytes of all sections of an ELF file that are loaded from it: code and constants.

    Source: System V Application Binary Interface, chapter 4, ELF header and section header.
    """
    wide = elf[4] == 2
    offset = struct.unpack_from("<Q" if wide else "<I", elf, 0x28 if wide else 0x20)[0]
    size, count = struct.unpack_from("<HH", elf, 0x3A if wide else 0x2E)
    total = 0
    for k in range(count):
        # type, flags, address, offset, size
        kind, flags, _, _, length = struct.unpack_from("<IQQQQ" if wide else "<IIIII", elf, offset + k * size + 4)
        if flags & _ALLOCATED and kind != _NO_BITS:
            total += length
    return total
