"""Compile a file to machine code: a C library without dependencies, for this machine or another device.

Writes NAME.c, NAME.h and, but for the target `c`, what they compile to: a shared library, an object for a
microcontroller, or a module for wasm. The target `web` writes a site instead: a page that opens the microphone or a
file, modules for JavaScript with types, and WebAssembly; serve the folder as it is. What can be run here, natively,
under qemu or in Node, is run over random frames and compared with onnxruntime.

Targets: native, x86_64 (all levels in one library), x86_64_v2, x86_64_v3, x86_64_v4, x86_64_vnni, aarch64-linux,
aarch64_dotprod-linux, armv7-linux, riscv64-linux, wasm32, web, x86_64-windows, aarch64-macos, cortex-m4, cortex-m7,
riscv32, c.
All but native and c need `pip install 'rnnedge[native]'`.

**Examples:**

- `rnnedge compile net.onnx -o out/`  then  `rnnedge run net.onnx input.csv --provider native`
- `rnnedge compile net.onnx -o out/ --target aarch64-linux`
- `rnnedge compile net.onnx -o out/ --target cortex-m4 --name keyword`
- `rnnedge compile net.onnx -o out/ --target c`
- `rnnedge compile net.onnx -o out/ --target c --bindings cpp --bindings rust`
- `rnnedge compile net.onnx -o site/ --target web`  then  `python -m http.server -d site`
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnedge.cli._model_file import model_file
from rnnedge.cli._opening import Opening, with_fields
from rnnedge.cli._options import folder_option
from rnnedge.cli._output import JsonOption
from rnnedge.cli._words import choice, one_of

if TYPE_CHECKING:
    from rnnedge_export.codegen import Built
    from rnnedge_export.codegen.prove import Proof


def _targets() -> list[str]:
    from rnnedge_export.codegen.targets import TARGETS

    return list(TARGETS)


@with_fields
def command(
    file: Annotated[Path, model_file("A file made by rnnedge export, best with --form step.")],
    output: Annotated[Path, folder_option("-o", "--output", help="The folder to write to; made where it is missing.")],
    target: Annotated[str, typer.Option(help="What to compile for; see above.", **one_of(_targets))] = "native",
    name: Annotated[
        str | None, typer.Option(help="What C names and files begin with; by default that of FILE.")
    ] = None,
    bindings: Annotated[
        list[str] | None, typer.Option(help="cpp, rust or go: a stream in that language, too; may be repeated.")
    ] = None,
    block: Annotated[int, typer.Option(help="Sequences of the second step, for pools; 1: none.", min=1)] = 16,
    *,
    opening: Opening,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import stages
    from rnnedge.cli._outputs import check_named
    from rnnedge_export.codegen import build_in, publish
    from rnnedge_export.codegen.prove import prove
    from rnnedge_export.codegen.render import LANGUAGES
    from rnnedge_runtime.loader import load_bytes
    from rnnedge_runtime.read import read_model
    from rnnedge_runtime.temporary import temporary_folder

    check_named("--output", output)
    languages = [choice(one, LANGUAGES, "--bindings") for one in bindings or ()]
    if languages and target == "web":
        raise typer.BadParameter(
            "a site has modules for JavaScript and no C; choose another target", param_hint="--bindings"
        )
    data = read_model(file, **vars(opening))
    with stages(f"compile {file}") as progress, temporary_folder("compile") as place:
        progress("load")
        # What `rnnedge.load` refuses is not compiled; neither is anything written before the proof.
        load_bytes(data, str(file), trust=opening.trust, path=file)
        progress("import onnx")
        built = build_in(
            data,
            target,
            place,
            name=_name(name) or _identifier(file.stem),
            block=block,
            bindings=languages,
            origin=str(file),
            say=progress,
        )
        progress("prove")
        proof = prove(data, built)
        built = publish(built, output)
    if json:
        _print_json(built, proof)
    else:
        _print(built, proof)


def _name(given: str | None) -> str | None:
    if given is None or re.fullmatch(r"[A-Za-z_]\w*", given, re.ASCII):
        return given
    meant = _identifier(given) or "net"
    raise typer.BadParameter(
        f"expected letters, digits and underscores, as in C, found {given!r}; did you mean {meant}?",
        param_hint="--name",
    )


def _identifier(stem: str) -> str:
    text = re.sub(r"\W", "_", stem, flags=re.ASCII)
    return text if not text[:1].isdigit() else f"_{text}"


def _sizes(built: Built) -> dict[str, int]:
    """Bytes: constants, one stream, and the artifact."""
    one = built.source.programs[0]
    stream = one.stream_bytes
    artifact = built.artifact.stat().st_size if built.artifact else 0
    return {"weights": built.source.weight_bytes, "stream": stream, "artifact": artifact}


def _print(built: Built, proof: Proof | None) -> None:
    from rnnedge.cli._output import tell

    sizes = _sizes(built)
    by = f" by {built.compiler}" if built.compiler else ""
    written = f"{built.artifact} and {len(built.files) - 1} files" if built.target.name == "web" else ""
    tell(f"{written or ', '.join(map(str, built.files))}: for {built.target.name}{by}")
    artifact = f", artifact {sizes['artifact']:,} bytes" if built.artifact else ""
    tell(f"weights {sizes['weights']:,} bytes, a stream {sizes['stream']:,} bytes{artifact}")
    if proof is None:
        tell("not run: nothing here runs this target, or a network of this size on it; verify it on the device")
    else:
        tell(
            f"proven against onnxruntime on {proof.runner}: {proof.frames} frames, error {proof.max_error:.1e} of the "
            f"output's range, tolerance {proof.tolerance:.0e}"
        )
        if proof.instructions is not None:
            tell(f"a step: {proof.instructions:,.0f} instructions, {proof.stack_bytes:,} bytes of stack")


def _print_json(built: Built, proof: Proof | None) -> None:
    from rnnedge.cli._output import print_json

    fields: dict[str, Any] = {
        "files": [str(path) for path in built.files],
        "name": built.source.name,
        "target": built.target.name,
        "compiler": built.compiler,
        "model_sha256": built.source.digest,
        "bytes": _sizes(built),
        "proof": None if proof is None else vars(proof),
    }
    print_json("compile", fields)
