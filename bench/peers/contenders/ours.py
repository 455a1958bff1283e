"""rnnedge itself: a file of every form and precision, through `Stream.push` and through `Stream.step`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.peers.problem import Case, Problem, Step
from rnnedge_runtime.contract import Array

# Every contender is compared with PyTorch here; export's own ten thousand frames would take minutes per large file.
_CHAINED_FRAMES = 50
_captured: dict[Case, Any] = {}


def write(problem: Problem, path: Path, form: str, precision: str) -> None:
    """Export the layer, one frame per call; raises what `rnnedge.export` raises, as where int4 drifts too far."""
    import torch

    import rnnedge

    # Functions of the same names stand before two of these modules.
    names = ("pipeline", "verify", "precision.shrink")
    pipeline, verify, shrink = (import_module(f"rnnedge_export.{name}") for name in names)
    example = torch.zeros(1, 4, problem.case.input_size)
    chunk = 1 if form == "unrolled" else None
    with (
        patch.object(pipeline, "capture", _once(problem.case, pipeline.capture)),
        patch.object(verify, "CHAINED_FRAMES", _CHAINED_FRAMES),
        patch.object(pipeline, "FRAMES", _CHAINED_FRAMES),
        patch.object(shrink, "FRAMES", _CHAINED_FRAMES),
    ):
        rnnedge.export(problem.module(), example, path, form=form, precision=precision, chunk=chunk)


def _once(case: Case, capture: Callable[..., Any]) -> Callable[..., Any]:
    """The offline graph of a layer is the same in every form and precision, and takes most of the time of an export."""

    def captured(*given: object) -> Any:
        if case not in _captured:
            found = capture(*given)
            _captured.clear()
            _captured[case] = found
        return _captured[case]

    return captured


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
