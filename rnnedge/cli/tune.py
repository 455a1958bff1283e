"""Find the best way of exporting for this very device: forms, precisions, frames of a call, threads, optimization.

Every candidate that is kept was proven against the SOURCE, and streamed next to float32 where it has fewer bits. They
are measured in turns until the time is up. The winner is written with the evidence in its contract; Ctrl-C writes the
best so far, and the same command goes on from there.

**Examples:**

- `rnnedge tune runs/speech -o best.onnx`
- `rnnedge tune mypackage.net:build -o small.onnx --objective size --budget 120`
- `rnnedge tune runs/speech -o best.onnx --only float32,int8 --calibration hour.npy`
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnedge.cli._opening import SourceTrustOption
from rnnedge.cli._options import ExampleOption, file_option
from rnnedge.cli._output import JsonOption
from rnnedge.cli._precision import CalibrationOption, ToleranceOption
from rnnedge.cli._reading import DecimalOption

if TYPE_CHECKING:
    from rnnedge.tuning import Tuned

_OBJECTIVES = ("latency", "throughput", "size", "energy")


def command(
    source: Annotated[str, typer.Argument(help="A run folder, package.module:factory, or an ONNX file.")],
    output: Annotated[Path, file_option("-o", "--output", help="The ONNX file to write.")],
    objective: Annotated[str, typer.Option(help="latency, throughput, size or energy.")] = "latency",
    budget: Annotated[float, typer.Option(help="Seconds that it may take.", min=5.0)] = 60.0,
    only: Annotated[str, typer.Option(help="The precisions to try.")] = "float32,float16,bf16,int8,int4",
    provider: Annotated[str, typer.Option(help="The providers to try, such as cpu,cuda.")] = "cpu",
    calibration: CalibrationOption = None,
    decimal: DecimalOption = ".",
    tolerance: ToleranceOption = None,
    input_size: Annotated[int | None, typer.Option(help="Features per frame, where no example is given.")] = None,
    example: ExampleOption = None,
    trust: SourceTrustOption = None,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import print_json, stages
    from rnnedge.cli._outputs import check_outputs
    from rnnedge.cli._words import choice
    from rnnedge_export.options import PRECISIONS

    choice(objective, _OBJECTIVES, "--objective")
    wanted = [choice(name.strip(), PRECISIONS, "--only") for name in only.split(",")]
    check_outputs({"--output": output}, [source, *(calibration or ())])
    began = monotonic()
    with stages(f"tune {source}") as progress:
        progress("import torch")
        from rnnedge.tuning import tune

        with _session(source, input_size, example or (), (calibration, decimal), tolerance, trust, progress) as (
            session,
            options,
            about,
        ):
            tuned = tune(
                session,
                output,
                objective=objective,
                budget_s=budget - (monotonic() - began),
                precisions=[name for name in PRECISIONS if name in wanted],
                providers=provider.split(","),
                options=options,
                about={**about, "objective": objective},
                say=progress,
            )
    if json:
        print_json("tune", _fields(tuned))
    else:
        _print(tuned, objective)


@contextmanager
def _session(
    source: str,
    input_size: int | None,
    examples: Sequence[str],
    calibration: tuple[list[Path] | None, str],
    tolerance: float | None,
    trust: str | None,
    progress: Any,
) -> Iterator[tuple[Any, Any, dict[str, str]]]:
    """What was captured, what all candidates share, and what the source is."""
    from rnnedge.cli._precision import asked, recordings
    from rnnedge_export.session import ExportOptions
    from rnnedge_export.sources import of_file, of_module

    # The name does not matter: each candidate has its own.
    numbers = ("int8", None, tolerance, None, None)
    if source.endswith(".onnx"):
        with of_file(source, trust=trust, say=progress) as session:
            options = ExportOptions(precision=asked(*numbers), calibration=recordings(*calibration))
            yield session, options, {"source": source, "sha256": session.provenance["source_sha256"]}
        return
    from rnnedge.sources import load_source

    loaded = load_source(source, input_size, examples=examples)
    options = ExportOptions(
        precision=asked(*numbers, loaded),
        calibration=recordings(*calibration, loaded),
        frame_rate_hz=loaded.frame_rate_hz,
        labels=loaded.labels,
        normalization=loaded.normalization,
    )
    with of_module(loaded.module, loaded.example, say=progress) as session:
        yield session, options, {"source": source, "sha256": session.provenance["weights_sha256"]}


def _fields(tuned: Tuned) -> dict[str, Any]:
    from rnnedge.tuning._tune import figures

    return {
        "path": str(tuned.path),
        "sha256": tuned.digest,
        "winner": figures(tuned.choice.winner),
        "noise": tuned.choice.noise,
        "as_good": [trial.candidate.name for trial in tuned.choice.as_good],
        "front": [trial.candidate.name for trial in tuned.choice.front],
        "trials": [figures(trial) for trial in tuned.trials],
        "dropped": dict(tuned.dropped),
        "errors": dict(tuned.errors),
        "rounds": tuned.rounds,
        "seconds": tuned.seconds,
    }


def _print(tuned: Tuned, objective: str) -> None:
    from rnnedge.cli._output import print_table, say, tell

    choice = tuned.choice
    on_front = {trial.candidate for trial in choice.front}
    rows = []
    for trial in sorted(tuned.trials, key=lambda t: t.value):
        mark = "winner" if trial is choice.winner else "front" if trial.candidate in on_front else ""
        rows.append(
            (trial.candidate.name, mark, f"{trial.p50_us:.1f} us", f"{trial.p99_us:.1f} us", f"±{trial.noise:.1%}",
             f"{trial.memory_mb:.1f} MB", f"{trial.size_bytes:,}", f"{trial.error:.1e}")
        )  # fmt: skip
    columns = ("candidate", "", "p50", "p99", "noise", "memory", "bytes", "error")
    print_table(f"{tuned.path}: best for {objective}, {tuned.rounds} rounds in turns", columns, rows)
    for name, reason in tuned.dropped.items():
        say(f"dropped {name}: {reason}")
    tell(f"largest error: {', '.join(f'{name} {error:.1e}' for name, error in tuned.errors.items())}")
    winner = choice.winner.candidate
    tell(f"{tuned.path}: {winner.name}, {choice.winner.size_bytes:,} bytes, proven, {tuned.seconds:.0f} s")
    if choice.as_good:
        names = "; ".join(trial.candidate.name for trial in choice.as_good)
        tell(f"as good within the noise of {choice.noise:.1%}: {names}")
    how = [f"threads={winner.threads}"] if winner.threads > 1 else []
    how += [f'optimization="{winner.optimization}"'] if winner.optimization != "all" else []
    how += [f'provider="{winner.provider}"'] if winner.provider != "cpu" else []
    if how:
        tell(f'load it with rnnedge.load("{tuned.path}", {", ".join(how)})')
