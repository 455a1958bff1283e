"""Turn a network for whole sequences into an ONNX file that streams, proven equal to it.

SOURCE is a folder made by `rnnedge train`; `package.module:factory`, which is a module, a class, or a function that
returns a module or (module, example); a TorchScript file, `net.pt`; or an ONNX file from any framework.

**Examples:**

- `rnnedge export runs/speech -o speech.onnx`
- `rnnedge export runs/speech -o speech.onnx --precision int8`
- `rnnedge export mypackage.net:build -o net.onnx --precision int4 --budget-error 0.02 --calibration hour.npy`
- `rnnedge export mypackage.net:build -o net.onnx --form step --frame-rate 100 --labels yes,no`
- `rnnedge export mypackage.net:build -o net.onnx --form unrolled --chunk 8`
- `rnnedge export vad.py:VoiceActivity -o vad.onnx --example 1,100,40`
- `rnnedge export mypackage.net:build -o net.onnx --weights net.safetensors`
- `rnnedge export mypackage.net:build -o net.onnx --sample monday.wav --sample tuesday.wav`
- `rnnedge export mypackage.net:build -o net.onnx --explain`
- `rnnedge export runs/speech -o seen.onnx --taps gates,state`  then  `rnnedge explain seen.onnx input.csv`
- `rnnedge export scripted.pt -o net.onnx --example 1,100,40`
- `rnnedge export offline.onnx -o streaming.onnx --time-axis input:1`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnedge.cli._constants import ConstantOption, constants_of
from rnnedge.cli._labels import tell_labels
from rnnedge.cli._opening import SourceTrustOption
from rnnedge.cli._options import ExampleOption, field_option, file_option
from rnnedge.cli._output import JsonOption
from rnnedge.cli._precision import (
    BudgetOption,
    CalibrationOption,
    LayerOption,
    LongestOption,
    PrecisionOption,
    SampleOption,
    ToleranceOption,
    print_shrunk,
)
from rnnedge.cli._reading import DecimalOption
from rnnedge.cli._time_flow import print_time_flow
from rnnedge.cli._words import one_of, positive
from rnnedge_export.options import TAPS, ExportOptions

if TYPE_CHECKING:
    from rnnedge_export import Report, Verification


def forms() -> tuple[str, ...]:
    """Ways to write the recurrent loop."""
    from rnnedge_runtime.contract import FORMS

    return FORMS


def _opset(value: int) -> int:
    if not 18 <= value <= 22:
        raise typer.BadParameter(f"expected 18 to 22, found {value}")
    return value


def command(
    source: Annotated[
        str, typer.Argument(help="A run folder, package.module:factory, a TorchScript file, or an ONNX file.")
    ],
    output: Annotated[Path, file_option("-o", "--output", help="The ONNX file to write.")],
    form: Annotated[str | None, field_option(ExportOptions, "form", **one_of(forms))] = None,
    chunk: Annotated[int | None, field_option(ExportOptions, "chunk", min=1)] = None,
    precision: PrecisionOption = "float32",
    calibration: CalibrationOption = None,
    sample: SampleOption = None,
    decimal: DecimalOption = ".",
    tolerance: ToleranceOption = None,
    budget_error: BudgetOption = None,
    layer: LayerOption = None,
    longest: LongestOption = None,
    opset: Annotated[int, typer.Option(callback=_opset, help="ONNX opset, 18 to 22.")] = 20,
    frame_rate: Annotated[
        float | None, field_option(ExportOptions, "frame_rate_hz", "--frame-rate", callback=positive)
    ] = None,
    labels: Annotated[str | None, field_option(ExportOptions, "labels")] = None,
    normalization: Annotated[str | None, field_option(ExportOptions, "normalization")] = None,
    input_size: Annotated[
        int | None, typer.Option(help="Features per frame, where no example is given.", min=1)
    ] = None,
    example: ExampleOption = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights of SOURCE: .safetensors, or a state dict in .pt.")
    ] = None,
    batch_axis: Annotated[int | None, typer.Option(help="Axis of the batch in the input.")] = None,
    time_axis: Annotated[str, typer.Option(help="Axis of time in the input: 1, or name:1 for an ONNX file.")] = "1",
    context: Annotated[
        list[str] | None,
        typer.Option(help="An argument or input that is a value per sequence, though its sizes are those of frames."),
    ] = None,
    constant: ConstantOption = None,
    taps: Annotated[str | None, field_option(ExportOptions, "taps")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how the time axis flows, and what each check of the proof cost.")
    ] = False,
    trust: SourceTrustOption = None,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import stages
    from rnnedge.cli._outputs import check_outputs

    if chunk is not None and form != "unrolled":
        raise typer.BadParameter("only the unrolled form has a fixed chunk", param_hint="--chunk")
    asked = tuple(taps.split(",")) if taps else ()
    if any(tap not in TAPS for tap in asked):
        raise typer.BadParameter(f"expected gates, state or gates,state, found {taps!r}", param_hint="--taps")
    check_outputs({"--output": output}, [source, weights, *(calibration or ()), *(sample or ())])
    with stages(f"export {source}") as progress:
        progress("import torch")
        numbers = precision, layer, tolerance, budget_error, longest
        report = _export(source, output, input_size, example or (), weights, batch_axis, time_axis, progress,
                         form=form, chunk=chunk, opset=opset, frame_rate=frame_rate, labels=labels,
                         normalization=normalization, calibration=calibration, sample=sample, decimal=decimal,
                         taps=asked, trust=trust, context=context, constant=constant, numbers=numbers)  # fmt: skip
    tell_labels(report)
    print_report(report, "export", source, json=json, explain=explain)


def print_report(report: Report, verb: str, source: str, *, json: bool, explain: bool = False) -> None:
    """What was written, and its proof."""
    from rnnedge.cli._output import counted, print_json, tell

    contract = report.contract
    if json:
        fields = {"path": str(report.path), "sha256": report.digest, "size_bytes": report.size_bytes}
        fields |= {"form": contract.form, "precision": contract.precision, "seconds": report.seconds}
        if contract.taps:
            fields["taps"] = [vars(tap) for tap in contract.taps]
        if report.shrunk is not None:
            changes = [vars(change) for change in report.shrunk.changes]
            fields |= {"layers": changes, "drift": report.shrunk.drift.summary(), "speed": report.shrunk.speed}
        print_json(verb, {**fields, **checks_as_json(report.verification)})
        return
    states = counted(len(contract.states), "state")
    numbers = "" if contract.precision == "float32" else f" in {contract.precision}"
    tell(f"{report.path}: {contract.form} form{numbers}, {report.size_bytes:,} bytes, {states}")
    if contract.taps:
        tell(f"taps: {', '.join(tap.output for tap in contract.taps)}")
    if report.shrunk is not None:
        print_shrunk(report.shrunk)
    if explain:
        print_time_flow(report)
    print_checks(f"proven against {source}", report.verification, explain=explain)
    if explain and report.seconds:
        share = f"{report.proof_share:.0%} of {report.seconds:.1f} s"
        tell(f"The checks took {report.verification.seconds:.1f} s, {share} for the whole export.")


def _export(
    source: str,
    output: Path,
    input_size: int | None,
    examples: Sequence[str],
    weights: Path | None,
    batch_axis: int | None,
    time_axis: str,
    progress: Callable[[str], None],
    *,
    frame_rate: float | None,
    labels: str | None,
    normalization: str | None,
    numbers: tuple[str, list[str] | None, float | None, float | None, int | None],
    calibration: list[Path] | None,
    sample: list[Path] | None,
    decimal: str,
    trust: str | None,
    context: list[str] | None,
    constant: list[str] | None,
    **options: Any,
) -> Report:
    """By `rnnedge.convert` for a file, by `rnnedge.export` for a module."""
    import rnnedge
    from rnnedge.cli._output import say
    from rnnedge.cli._precision import asked, recordings

    names = labels.split(",") if labels else ()
    options["sample"] = recordings(sample, decimal)
    if source.endswith(".onnx"):
        if weights is not None:
            raise typer.BadParameter("an ONNX file has weights of its own", param_hint="--weights")
        if examples:
            raise typer.BadParameter("an ONNX file says what its inputs are", param_hint="--example")
        return rnnedge.convert(source, output, time_axis=time_axis, batch_axis=batch_axis, frame_rate_hz=frame_rate,
                               constants=constants_of(constant), context=context or (), labels=names,
                               normalization=normalization, progress=progress,
                               precision=asked(*numbers), trust=trust, calibration=recordings(calibration, decimal),
                               **options)  # fmt: skip
    from rnnedge.sources import load_source

    if constant:
        raise typer.BadParameter("only an ONNX file has inputs that never change", param_hint="--constant")
    if not time_axis.isdigit():
        raise typer.BadParameter(f"expected a number for a module, found {time_axis!r}", param_hint="--time-axis")
    progress("source")
    loaded = load_source(source, input_size, weights, examples)
    if loaded.inferred:
        say(f"no example input given; took {loaded.inferred}")
    precision = asked(*numbers, loaded)
    if precision.name != "float32":
        options["calibration"] = recordings(calibration, decimal, loaded)
    return rnnedge.export(loaded.module, loaded.example, output, batch_axis=batch_axis or 0, time_axis=int(time_axis),
                          frame_rate_hz=frame_rate or loaded.frame_rate_hz, labels=names or loaded.labels,
                          normalization=normalization or loaded.normalization, progress=progress, precision=precision,
                          context=context or (), notes=loaded.notes, **options)  # fmt: skip


def checks_as_json(verification: Verification) -> dict[str, Any]:
    """The checks of a verification as plain data."""
    checks = [{**vars(check), "passed": check.passed} for check in verification.checks]
    return {"passed": verification.passed, "max_error": verification.max_error, "checks": checks}


def print_checks(title: str, verification: Verification, *, explain: bool = False) -> None:
    """The checks of a verification as a table, each error next to its tolerance; `explain`: what each cost, too."""
    from rnnedge.cli._output import print_table

    cost = ("seconds",) if explain else ()
    rows = [
        (c.name, f"{c.max_error:.1e}", f"{c.tolerance:.1e}", *(f"{c.seconds:.2f}" for _ in cost),
         "ok" if c.passed else "FAILED", c.detail)
        for c in verification.checks
    ]  # fmt: skip
    print_table(title, ("check", "error", "tolerance", *cost, "", ""), rows)
