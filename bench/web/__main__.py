"""`python -m bench.web`: a call, the download and the first output in a page; writes docs/figures/web.md."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import rnnedge_export
from bench.native.sizes import Spotter
from bench.pages import ROOT, machine, publish, table, us
from bench.web.browser import posted
from rnnedge_export import Effort
from rnnedge_export.codegen import build
from rnnedge_runtime import load

_ORT = "onnxruntime-web@1.30.0"
_EFFORT = Effort(frames=1024)
_PARTS = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


class Layer(nn.Module):
    """An LSTM over 40 features, four scores."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.scores = nn.LSTM(40, 64, batch_first=True), nn.Linear(64, 4)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 40) to (batch, time, 4)."""
        found: Tensor = self.scores(self.layer(x)[0])
        return found


class Sound(nn.Module):
    """Samples of sound: windows of 400, 160 apart, a GRU, four scores."""

    def __init__(self) -> None:
        super().__init__()
        self.windows = nn.Conv1d(1, 40, 400, stride=160)
        self.layer, self.scores = nn.GRU(40, 64, batch_first=True), nn.Linear(64, 4)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 1) to (batch, windows, 4)."""
        features = self.windows(x.transpose(1, 2)).square().add(1e-3).log()
        found: Tensor = self.scores(self.layer(features.transpose(1, 2))[0])
        return found


NETWORKS = {
    "LSTM(40, 64), Linear(4)": (Layer, (1, 20, 40)),
    "sound: Conv1d(1, 40, 400), GRU(64), Linear(4)": (Sound, (1, 3200, 1)),
    "the demo: GRU(12, 64), Linear(9)": (Spotter, (1, 20, 12)),
}


def main() -> None:
    """Compile the sites, fetch onnxruntime-web, open the page, and write the table."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        plans = [_site(folder, f"net{k}", *NETWORKS[name]) for k, name in enumerate(NETWORKS)]
        (folder / "plan.json").write_text(json.dumps(plans))
        shipped = _onnxruntime_web(folder)
        for name in ("page.html", "measure.mjs"):
            shutil.copyfile(Path(__file__).parent / name, folder / name)
        found = posted(folder, "page.html")
        if "error" in found:
            raise SystemExit(found["error"])
        rows = []
        for plan, name in zip(plans, NETWORKS, strict=True):
            one, site = found[plan["name"]], folder / plan["name"]
            theirs = shipped + _zipped([folder / f"{plan['name']}.onnx"])
            rows.append(_row(name, one, _zipped(_needed(site)), theirs))
    publish("web.md", *_page(rows))
    print(*_page(rows), sep="\n\n")


def _site(folder: Path, name: str, make: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    torch.manual_seed(0)
    file = folder / f"{name}.onnx"
    rnnedge_export.export(make().eval(), torch.randn(shape), file, form="step", effort=_EFFORT)
    build(file.read_bytes(), "web", folder / name, name="net")
    stream = load(file).stream()
    port = stream.contract.inputs[0]
    graph = [1 if d == "batch" else int(d) for d in port.shape]
    return {
        "name": name,
        "input": port.name,
        "shape": graph,
        "size": stream.input.size,
        "output": stream.contract.outputs[0].name,
    }


def _onnxruntime_web(folder: Path) -> int:
    """The files of the package that a page with WebAssembly needs; their bytes, compressed."""
    place = ROOT / "build" / "web"
    command = ["npm", "install", "--silent", "--no-save", "--ignore-scripts", "--prefix", str(place), _ORT]
    subprocess.run(command, check=True, timeout=600)
    made = place / "node_modules" / "onnxruntime-web" / "dist"
    for part in _PARTS:
        shutil.copyfile(made / part, folder / part)
    return _zipped([folder / part for part in _PARTS])


def _needed(site: Path) -> list[Path]:
    """What `load` fetches where the browser has vectors; no page."""
    return [*site.glob("net.js"), *site.glob("net.wasm"), *site.glob("net.contract.json"), *_shared(site)]


def _shared(site: Path) -> list[Path]:
    return [path for path in site.glob("rnnedge-*.js") if "page" not in path.name]


def _zipped(paths: list[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes())) for path in paths)


def _row(name: str, one: dict[str, float], ours: int, theirs: int) -> tuple[str, ...]:
    speed = one["theirs"] / one["ours"]
    first = (f"{one['ourFirst']:.0f}", f"{one['theirFirst']:.0f}")
    return (name, us(one["ours"]), us(one["theirs"]), f"{speed:.1f}", f"{ours // 1000:,}", f"{theirs // 1000:,}",
            *first, f"{one['apart']:.0e}")  # fmt: skip


def _page(rows: list[tuple[str, ...]]) -> tuple[str, str]:
    heads = ("network", "µs a call", f"{_ORT.replace('@', ' ')}, µs", "times faster", "download, kB")
    heads += ("its download, kB", "first output, ms", "its first output, ms", "largest difference")
    note = (
        "One page of headless Chromium, one thread, 128-bit vectors; the least of 30 rounds, in turns. A call is one "
        "step: 160 samples of the network of sound, one frame of the others. Downloads are compressed (gzip). The "
        "first output is counted from the import of the module, files from the same machine; ours has replayed the "
        f"recorded sample by then. Written by `make bench-web`: {machine('processor', 'cores', 'load')}."
    )
    return table(heads, rows), note


if __name__ == "__main__":
    main()
