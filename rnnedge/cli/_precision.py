"""The options of `export` and `tune` that are about precision, and what is said of a file in fewer bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnedge.cli._options import field_option
from rnnedge.cli._words import choice, completing
from rnnedge_export.options import PRECISIONS, ExportOptions, Precision

if TYPE_CHECKING:
    from rnnedge.sources import ModelSource
    from rnnedge_export.precision import Shrunk
    from rnnedge_runtime import Contract


def _precision(value: str) -> str:
    return choice(value, PRECISIONS)


PrecisionOption = Annotated[
    str,
    field_option(ExportOptions, "precision", callback=_precision, autocompletion=completing(lambda: PRECISIONS)),
]
CalibrationOption = Annotated[list[Path] | None, field_option(ExportOptions, "calibration")]
SampleOption = Annotated[list[Path] | None, field_option(ExportOptions, "sample")]
ToleranceOption = Annotated[float | None, field_option(Precision, "tolerance", min=0.0)]
BudgetOption = Annotated[float | None, field_option(Precision, "budget_error", min=0.0)]
LayerOption = Annotated[list[str] | None, field_option(Precision, "layers", "--layer")]
LongestOption = Annotated[int | None, field_option(Precision, "longest", min=1)]


def asked(
    name: str,
    layers: Sequence[str] | None = None,
    tolerance: float | None = None,
    budget: float | None = None,
    longest: int | None = None,
    source: ModelSource | None = None,
) -> Precision:
    """What the options ask for; a run folder brings its task's accuracy along."""
    pairs = {}
    for text in layers or ():
        layer, equals, precision = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"expected layer=precision, found {text!r}", param_hint="--layer")
        pairs[layer] = choice(precision, PRECISIONS, "--layer")
    metric = None if source is None or name == "float32" else _task(source)[1]
    return Precision(name, pairs, tolerance, budget, metric, longest)


def recordings(paths: Sequence[Path] | None, decimal: str, source: ModelSource | None = None) -> object:
    """Recordings for `rnnedge.export`: of the files, else of the task of a run folder, else None."""
    if paths:
        return lambda contract: [_read(path, contract, decimal) for path in paths]
    return None if source is None else _task(source)[0]


def _read(path: Path, contract: Contract, decimal: str) -> dict[str, Any]:
    import numpy as np

    from rnnedge.frames import ReadOptions, read_frames
    from rnnedge_runtime.golden import named

    read = read_frames(str(path), contract, ReadOptions(decimal=decimal))
    parts = [named(contract, frames) for frames in read]
    names = [port.name for port in contract.inputs]
    # One input comes as an array, which `named` would call by the output.
    every = [part if len(names) > 1 else {names[0]: next(iter(part.values()))} for part in parts]
    return {name: np.concatenate([part[name] for part in every]) for name in names} if every else {}


def _task(source: ModelSource) -> tuple[Any, Callable[..., Any] | None]:
    """Recordings and metric of the task that a run folder was trained on; neither where its data is not installed."""
    from rnnedge.cli._output import say
    from rnnedge.tasks.trial import trial_of
    from rnnedge_runtime.errors import MissingExtra

    if not source.task:
        return None, None
    try:
        return trial_of(source.task)
    except MissingExtra as error:
        say(f"tried on random frames: {error}")
        return None, None


def print_shrunk(shrunk: Shrunk) -> None:
    """What became of each layer, how far the file drifts, and whether it is faster here."""
    from rnnedge.cli._output import print_table, say, tell

    rows = [(c.layer, c.precision, f"{c.parameters:,}", c.how) for c in shrunk.changes]
    print_table("layers in fewer bits", ("layer", "precision", "weights", "written as"), rows)
    drift = shrunk.drift
    trend = f"grows by {drift.growth:.1g} in 1,000 frames" if drift.grows else "does not grow"
    tell(
        f"drift from float32: at most {drift.max_error:.1e} in {drift.frames:,} frames "
        f"(tolerance {drift.tolerance:.1e}), it {trend}"
    )
    score = drift.score
    if score is not None:
        tell(
            f"task: {score.narrow:.4f} instead of {score.float32:.4f} over {score.items:,} items, difference "
            f"{score.low:+.4f} to {score.high:+.4f} (95 %)"
        )
    if shrunk.speed < _SLOWER:
        say(
            f"rnnedge: warning: {shrunk.contract.precision} takes {1 / shrunk.speed:.2f} times as long as float32 in "
            "this form on this machine; it only saves size"
        )


_SLOWER = 0.95
