"""rnnedge itself: a file of every form and precision, through `Stream.push` and through `Stream.step`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from bench.peers.problem import Problem, Step
from rnnedge_runtime.contract import Array

# Every contender is compared with PyTorch here; export's own ten thousand frames would take minutes per large file.
_CHAINED_FRAMES = 50
_GATES = (("verify", "CHAINED_FRAMES"), ("pipeline", "FRAMES"), ("precision.shrink", "FRAMES"))


def write(problem: Problem, path: Path, form: str, precision: str) -> None:
    """Export the layer, one frame per call; raises what `rnnedge.export` raises, as where int4 drifts too far."""
    import torch

    import rnnedge

    for module, name in _GATES:
        found = import_module(f"rnnedge_export.{module}")
        assert hasattr(found, name)
        setattr(found, name, _CHAINED_FRAMES)
    example = torch.zeros(1, 4, problem.case.input_size)
    chunk = 1 if form == "unrolled" else None
    rnnedge.export(problem.module(), example, path, form=form, precision=precision, chunk=chunk)


def push(problem: Problem, path: Path) -> Step:
    """Frames checked, copied in, and copied out."""
    from rnnedge_runtime import load

    step: Step = load(path, trust="local").stream().push  # type: ignore[assignment]
    return step


def in_place(problem: Problem, path: Path) -> Step:
    """The caller writes into the stream's own buffer and reads from it; the check for finite numbers stays."""
    from rnnedge_runtime import load

    stream = load(path, trust="local").stream()
    given, found, run = stream.input, stream.output, stream.step

    def step(frame: Array) -> Array:
        given[...] = frame
        run()
        return found

    return step
