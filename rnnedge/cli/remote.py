"""The options by which a verb is told to run on another machine, and its own options, written again for over there."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

import typer


def _target(value: str | None) -> str | None:
    if value is None:
        return None
    from rnnedge.remote.destination import check_target
    from rnnedge_runtime.errors import InputError

    try:
        return check_target(value)
    except InputError as error:
        raise typer.BadParameter(str(error)) from error


OnOption = Annotated[
    str | None,
    typer.Option("--on", metavar="ssh://USER@HOST[:PORT]", callback=_target, help="Measure on that machine, over ssh."),
]
RemotePythonOption = Annotated[
    str, typer.Option(metavar="PATH", help="With --on: the Python there, such as ~/venv/bin/python.")
]
SshOptions = Annotated[
    list[str] | None,
    typer.Option("--ssh-option", metavar="KEY=VALUE", help="With --on: passed to ssh -o, such as IdentityFile=key."),
]
_OF_THIS_MACHINE = frozenset({"on", "remote_python", "ssh_option", "json"})


def options_given(context: typer.Context, without: Collection[str] = ()) -> list[str]:
    """The options that were given to this verb, spelled as for a command line; no arguments.

    Left out are `without`, by the names of parameters, and those that say where to run and how to print.
    """
    words: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        is_option = parameter.param_type_name == "option"
        if (
            not is_option
            or name in _OF_THIS_MACHINE
            or name in without
            or source is None
            or source.name != "COMMANDLINE"
        ):
            continue
        value = context.params[name]
        if isinstance(value, bool):
            words.append(parameter.opts[0] if value else parameter.secondary_opts[0])
            continue
        for one in value if isinstance(value, (list, tuple)) else (value,):
            # In one word, so that a value may begin with a dash.
            words.append(f"{parameter.opts[-1]}={one}")
    return words
