"""Check that a file computes what it promises.

With `--against SOURCE` it is compared with the module or the ONNX file that it came from. Without one, as on a device,
the sample that was recorded from it at export time is replayed. With `--sample FILE`, again for more, the comparison is
made on recordings of your own, too; with `--explain` the table shows what each check cost.

With `--key` the file also needs a signature of that key next to it, which is checked before anything else is read; so
does the library of `--provider native` where this machine has not built it.

**Examples:**  `rnnedge verify net.onnx`  ·  `rnnedge verify net.onnx --against mypackage.net:build`  ·
`rnnedge verify net.onnx --against mypackage.net:build --sample monday.wav`  ·
`rnnedge verify net.onnx --key key.pub.pem`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnedge.cli._model_file import ModelFile
from rnnedge.cli._opening import Opening, with_fields
from rnnedge.cli._output import JsonOption
from rnnedge.cli._precision import SampleOption
from rnnedge.cli._providers import ProviderOption, ProviderOptions, provider_options
from rnnedge.cli._reading import DecimalOption

if TYPE_CHECKING:
    from rnnedge_runtime import Model


@with_fields
def command(
    file: ModelFile,
    against: Annotated[str | None, typer.Option(help="The SOURCE it was exported from.")] = None,
    provider: ProviderOption = "cpu",
    provider_option: ProviderOptions = None,
    *,
    opening: Opening,
    sample: SampleOption = None,
    decimal: DecimalOption = ".",
    batch_axis: Annotated[int | None, typer.Option(help="Axis of the batch in the source's input.")] = None,
    time_axis: Annotated[str, typer.Option(help="Axis of time in the source's input: 1, or name:1.")] = "1",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what each check of the comparison with the SOURCE cost.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge_runtime.errors import VerificationError

    if against is None and sample:
        raise typer.BadParameter("a recording is compared with a source; give --against", param_hint="--sample")
    if against is None and explain:
        raise typer.BadParameter("a replay is one check; give --against", param_hint="--explain")
    if against is None:
        from rnnedge_runtime import load

        options = provider_options(provider_option)
        model = load(file, provider=provider, provider_options=options, **vars(opening))
        passed, message = _replay(model, file, json)
    else:
        passed, message = _compare(file, against, (batch_axis, time_axis), opening, (sample, decimal), json, explain)
    if not passed:
        raise VerificationError(message)


def _replay(model: Model, file: Path, json: bool) -> tuple[bool, str]:
    from rnnedge.cli._output import print_json, tell
    from rnnedge_runtime import replay

    report = replay(model)
    figures = f"error {report.max_error:.1e}, tolerance {report.tolerance:.1e}"
    text = f"golden sample of {report.frames} frames on {report.provider}: {figures}"
    if json:
        print_json("verify", {"file": str(file), **vars(report), "passed": report.passed})
    elif report.passed:
        tell(f"{file}: ok: {text}")
    return report.passed, f"{file}: golden sample of {report.frames} frames on {report.provider}: {report.failure}"


def _compare(
    file: Path,
    against: str,
    axes: tuple[int | None, str],
    opening: Opening,
    sample: tuple[list[Path] | None, str],
    json: bool,
    explain: bool,
) -> tuple[bool, str]:
    import rnnedge
    from rnnedge.cli._output import print_json, stages, tell
    from rnnedge.cli._precision import recordings
    from rnnedge.cli.export import checks_as_json, print_checks
    from rnnedge.sources import load_source

    with stages(f"verify {file}") as progress:
        progress("import torch")
        verify = rnnedge.verify
        source = against if against.endswith(".onnx") else load_source(against).module
        asked = {**vars(opening), "sample": recordings(*sample), "progress": progress}
        verification = verify(file, source, batch_axis=axes[0], time_axis=axes[1], **asked)
    if json:
        print_json("verify", {"file": str(file), "against": against, **checks_as_json(verification)})
    else:
        print_checks(f"{file} against {against}", verification, explain=explain)
        if explain:
            tell(f"The checks took {verification.seconds:.1f} s.")
    failed = next((c for c in verification.checks if not c.passed), None)
    if failed is None:
        return True, ""
    remark = f"; {verification.remark}" if verification.remark else ""
    return False, f"{file}: does not compute what {against} computes: {failed.failure}{remark}"
