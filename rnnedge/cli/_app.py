"""The verbs, one file each."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import typer
import typer.core
from typer.main import get_command

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
    package,
    run,
    score,
    serve,
    sign,
    train,
    tune,
    verify,
)
from rnnedge.cli._verb import Verb

VERBS = (
    train,
    export,
    compile,
    package,
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

# What other tools call it.
_MEANT = {
    "help": "--help", "version": "--version", "commands": "--help", "list": "train --list", "tasks": "train --list",
    **dict.fromkeys(("convert", "quantize", "to-onnx", "onnx", "trace", "save"), "export"),
    **dict.fromkeys(("predict", "infer", "inference", "stream", "listen", "detect", "live", "play"), "run"),
    **dict.fromkeys(("evaluate", "eval", "batch"), "score"), **dict.fromkeys(("profile", "measure", "time"), "bench"),
    **dict.fromkeys(("test", "check", "validate", "prove"), "verify"), **dict.fromkeys(("init", "create"), "new"),
    **dict.fromkeys(("show", "info", "describe", "graph", "view"), "inspect"), "fit": "train", "finetune": "train",
    **dict.fromkeys(("build", "codegen", "c"), "compile"), **dict.fromkeys(("install", "env", "setup"), "doctor"),
    "server": "serve", "optimize": "tune", "search": "tune",
    **dict.fromkeys(("pack", "bundle", "deploy", "publish", "upload"), "package"),
}  # fmt: skip


class _Verbs(typer.core.TyperGroup):
    """Answers a verb of another tool with ours, and `-v`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the options in front of the verb."""
        if args[:1] == ["-v"]:
            ctx.fail("No such option: -v. Did you mean --version, or --debug after the verb?")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that `args` begin with."""
        asked = args[0].lower()
        meant = asked if asked in self.commands else _MEANT.get(asked)
        if asked in ("help", "man") and args[1:2] and args[1] in self.commands:
            meant = f"{args[1]} --help"
        if args[0] not in self.commands and meant is not None:
            ctx.fail(f"No such command {args[0]!r}. Did you mean 'rnnedge {meant}'?")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="rnnedge",
    cls=_Verbs,
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
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the traceback of an error, check every pass (anywhere in the line)."),
    ] = False,
) -> None:
    """Options that belong to no verb."""


for verb in VERBS:
    app.command(name=verb.__name__.rpartition(".")[2], cls=Verb, help=verb.__doc__)(verb.command)


@cache
def root() -> Any:
    """The command line with all its verbs; made once in a process."""
    return get_command(app)
