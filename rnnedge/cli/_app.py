"""The verbs, one file each."""

from __future__ import annotations

from typing import Annotated

import typer

from rnnedge.cli import (
    adopt,
    bench,
    compile,
    demo,
    doctor,
    explain,
    export,
    generate,
    inspect,
    new,
    run,
    score,
    serve,
    sign,
    train,
    tune,
    verify,
)

VERBS = (
    train,
    export,
    compile,
    adopt,
    verify,
    sign,
    inspect,
    run,
    score,
    serve,
    explain,
    generate,
    bench,
    tune,
    demo,
    new,
    doctor,
)

app = typer.Typer(
    name="rnnedge",
    help="Take a PyTorch sequence model, make it an ONNX file that streams, prove it, run it on a device.",
    epilog="Every verb takes --help with examples, --json, and --debug for tracebacks.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        import rnnedge

        typer.echo(f"rnnedge {rnnedge.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the traceback of an error, check every pass (anywhere in the line)."),
    ] = False,
) -> None:
    """Options that belong to no verb."""


for verb in VERBS:
    app.command(name=verb.__name__.rpartition(".")[2], help=verb.__doc__)(verb.command)
