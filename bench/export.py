"""What an export costs beside torch's own, in processor seconds and memory: `python -m bench.export [NAME ...]`.

Each network has two fresh processes, in each of which a small one was exported before: one runs torch.export and
torch.onnx.export alone, the other the whole export with its proof.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

import torch

from bench.export_networks import CASES, Case
from bench.pages import machine, publish, table

_MIB = 1 << 20
_TORCH, _OURS = "torch", "rnnedge"
# Of the stages: what is captured, and where the proof begins.
_CAPTURE, _PASSES = "capture", ("taps", "streamify", "form", "golden sample", "stamp", "precision")


@dataclass(frozen=True)
class Cost:
    """Of one export: processor seconds, by stage where it has stages, and bytes of memory at its peak."""

    seconds: float
    stages: Mapping[str, float]
    peak: int
    size: int
    refused: str = ""


def main() -> None:
    """Measure the networks that are named, or all of them and write the page; or one in this process, for `_alone`."""
    if sys.argv[1:2] == ["--alone"]:
        print(json.dumps(asdict(measure(CASES[sys.argv[3]], sys.argv[2]))))
        return
    names = [name for name in CASES if not sys.argv[1:] or any(word in name for word in sys.argv[1:])]
    found = {}
    for name in names:
        found[name] = {who: _alone(who, name) for who in (_TORCH, _OURS)}
        print(name, *_told(found[name]), sep="\n  ", flush=True)
    if not sys.argv[1:]:
        _publish(found)


def _alone(who: str, name: str) -> Cost:
    print(f"measuring {name}: {who}", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, "-m", "bench.export", "--alone", who, name], stdout=subprocess.PIPE, text=True, check=True
    )
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def measure(case: Case, who: str) -> Cost:
    """In this process."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    module, example = case.build()
    size = sum(p.numel() * p.element_size() for p in module.parameters())
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        run = _torch if who == _TORCH else _ours
        run(torch.nn.GRU(4, 4, batch_first=True).eval(), torch.zeros(1, 8, 4), 1, Path(folder) / "warm.onnx")
        before, clock, refused = _peak(), _Clock(), ""
        try:
            run(module, example, case.time_axis, Path(folder) / "network.onnx", clock)
        # torch.onnx cannot write every network that is exported here.
        except Exception as error:
            refused = f"{type(error).__name__}: {str(error).splitlines()[0][:80]}"
        clock("")
    return Cost(sum(clock.spent.values()), clock.spent, _peak() - before, size, refused)


class _Clock:
    """Told of every stage as it begins."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._stage, self._since = "start", process_time()

    def __call__(self, stage: str) -> None:
        now = process_time()
        self.spent[self._stage] = self.spent.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = stage, now


def _torch(
    module: torch.nn.Module, x: torch.Tensor, axis: int, path: Path, clock: Callable[[str], None] = lambda _: None
) -> None:
    """Any batch of at least two and any length, as far as torch goes."""
    shape = list(x.shape)
    shape[0] = 2
    given = x.expand(shape).contiguous()
    dims = ({0: torch.export.Dim.AUTO, axis: torch.export.Dim.AUTO},)
    clock("torch.export")
    with torch.no_grad():
        program = torch.export.export(module, (given,), dynamic_shapes=dims)
        clock("torch.onnx.export")
        torch.onnx.export(program, (), path, dynamo=True, verbose=False)


def _ours(
    module: torch.nn.Module, x: torch.Tensor, axis: int, path: Path, clock: Callable[[str], None] | None = None
) -> None:
    import rnnedge_export

    rnnedge_export.export(module, x, path, time_axis=axis, progress=clock)


def _peak() -> int:
    """Bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024


def _told(costs: Mapping[str, Cost]) -> Iterator[str]:
    for who, cost in costs.items():
        stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in cost.stages.items() if seconds > 0.005)
        yield f"{who}: {cost.seconds:.2f} s, {cost.peak / _MIB:.0f} MiB {cost.refused}({stages})"
    yield f"all: {costs[_OURS].seconds / costs[_TORCH].seconds:.2f}; passes and proof: {_share(costs):.2f} of torch's"


def _share(costs: Mapping[str, Cost]) -> float:
    """Everything but the capture, in parts of what torch takes alone."""
    ours = costs[_OURS]
    return (ours.seconds - ours.stages.get(_CAPTURE, 0.0)) / costs[_TORCH].seconds


def _publish(found: Mapping[str, Mapping[str, Cost]]) -> None:
    heads = ("network", "torch alone, s", "export, s", "capture", "passes", "proof", "passes and proof / torch",
             "proof / export", "torch's peak, MiB", "export's peak, MiB", "weights, MiB")  # fmt: skip
    host = machine("processor", "cores", "python", "torch")
    note = (
        f"Measured by `make bench-export`, processor seconds, one thread, each network in a process of its own: {host}."
    )
    publish("export.md", table(heads, (_row(name, costs) for name, costs in found.items())), note)


def _row(name: str, costs: Mapping[str, Cost]) -> tuple[str, ...]:
    alone, ours = costs[_TORCH], costs[_OURS]
    capture = ours.stages.get(_CAPTURE, 0.0)
    passes = sum(ours.stages.get(stage, 0.0) for stage in _PASSES)
    proof = ours.seconds - capture - passes
    seconds = (alone.seconds, ours.seconds, capture, passes, proof)
    sizes = (alone.peak, ours.peak, ours.size)
    return (
        name,
        *(f"{one:.1f}" for one in seconds),
        f"{_share(costs):.2f}",
        f"{proof / ours.seconds:.2f}",
        *(f"{one / _MIB:.0f}" for one in sizes),
    )


if __name__ == "__main__":
    main()
