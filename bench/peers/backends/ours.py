"""rnnedge itself: a file of every form and precision, through `Stream.push` and through `Stream.step`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.problem import Case, Problem, Step
from rnnedge_runtime.contract import Array

if TYPE_CHECKING:
    from rnnedge_export.session import ExportSession

_open: dict[Case, ExportSession] = {}


def write(problem: Problem, path: Path, form: str, precision: str) -> None:
    """The layer as `rnnedge export` writes it, one frame per call; raises `ModelRefused` for a precision not known.

    It stays unproven: the table compares every contender with PyTorch, and export's own proofs over ten thousand frames
    would take minutes for a large layer.
    """
    from rnnedge_export.precision import Precision
    from rnnedge_export.session import ExportOptions

    options = ExportOptions(form, Precision(precision), chunk=1 if form == "unrolled" else None)
    path.write_bytes(_session(problem).candidate(options, path.name).stamped())


def _session(problem: Problem) -> ExportSession:
    """The layer, captured once for all its files: that takes most of the time of one."""
    import torch

    from rnnedge_export.sources import of_module

    if problem.case not in _open:
        _open.clear()
        example = torch.zeros(1, 4, problem.case.input_size)
        # It gives a module its training mode back, in which this one never is.
        with of_module(problem.module(), example, say=lambda _: None) as session:
            _open[problem.case] = session
    return _open[problem.case]


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
