"""Write a file as a package for another engine or place, proven there.

A package is made of a streaming file. Before anything is written, its own engine gets at least 1,000 random frames, a
call at a time, and has to give what the file gives. Nothing is replaced.

- `openvino`: a stateful IR, NAME.xml and NAME.bin; states are inside, reset_state() begins a sequence
- `triton`: a model repository with a sequence batcher and implicit states; clients send frames and nothing else
- `ort`: onnxruntime's ORT format, which `rnnedge run` opens too, and the operators for a minimal build
- `huggingface`: the file and a model card from contract, proof and bench, ready to upload

**Examples:**

- `rnnedge package net.onnx --for openvino -o ir/`
- `rnnedge package net.onnx --for triton -o models/`  then  `tritonserver --model-repository models`
- `rnnedge package net.onnx --for ort -o small/`  then  `rnnedge run small/net.ort input.csv`
- `rnnedge package net.onnx --for huggingface -o card/`  then  `hf upload ORGANIZATION/NAME card`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnedge.cli._model_file import ModelFile
from rnnedge.cli._opening import Opening, with_fields
from rnnedge.cli._options import folder_option
from rnnedge.cli._output import JsonOption
from rnnedge.cli._words import one_of

if TYPE_CHECKING:
    from rnnedge_export.packaging import Package


def _kinds() -> list[str]:
    from rnnedge_export.packaging import KINDS

    return list(KINDS)


@with_fields
def command(
    file: ModelFile,
    kind: Annotated[str, typer.Option("--for", help="openvino, triton, ort or huggingface.", **one_of(_kinds))],
    output: Annotated[Path, folder_option("-o", "--output", help="The folder to write to; made where it is missing.")],
    name: Annotated[str | None, typer.Option(help="What files are called; by default as FILE is.")] = None,
    *,
    opening: Opening,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import stages
    from rnnedge.cli._outputs import check_named
    from rnnedge_export.packaging import check_free, package, plain_name
    from rnnedge_runtime.loader import load_bytes
    from rnnedge_runtime.read import read_model

    check_named("--output", output)
    check_free(output)
    called = _name(name) or plain_name(file.stem)
    data = read_model(file, **vars(opening))
    with stages(f"package {file}") as progress:
        progress("load")
        # What `rnnedge.load` refuses is not packaged.
        load_bytes(data, str(file), trust=opening.trust, path=file)
        made = package(data, kind, output, name=called, say=progress)
    if json:
        _print_json(made)
    else:
        _print(made)


def _name(given: str | None) -> str | None:
    from rnnedge_export.packaging import plain_name

    if given is None or given == plain_name(given):
        return given
    raise typer.BadParameter(
        f"expected letters, digits, underscores, dots and dashes, found {given!r}; did you mean {plain_name(given)}?",
        param_hint="--name",
    )


def _print(made: Package) -> None:
    from rnnedge.cli._output import tell

    proof = made.proof
    tell(f"{', '.join(map(str, made.files))}: for {made.kind}")
    tell(
        f"proven against Stream.push: {proof.frames:,} frames in {proof.engine}, error {proof.max_error:.1e} of the "
        f"output's range, tolerance {proof.tolerance:.0e}"
    )
    if made.note:
        tell(made.note)


def _print_json(made: Package) -> None:
    from rnnedge.cli._output import print_json

    files = [str(path) for path in made.files]
    print_json("package", {"kind": made.kind, "files": files, "proof": vars(made.proof), "note": made.note})
