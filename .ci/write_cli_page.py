"""Write docs/cli.md: every verb with its help, arguments and options, from the functions that are the command line.

Usage: python .ci/write_cli_page.py [PAGE]   (without PAGE, to standard output)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import Parameter, cleandoc, signature
from pathlib import Path
from typing import Any, get_args

from typer.models import ArgumentInfo, OptionInfo

from rnnedge.cli._app import VERBS

_HEAD = """\
# Verbs and options

Written from the command line itself by `make docs`. Every verb also takes `--help`, and `--debug` for the traceback of
an error. What verbs read and write, and their exit codes: [the command line](command-line.md).
"""
_KINDS = {"Path": "PATH", "float": "NUMBER", "int": "INTEGER", "str": "TEXT"}


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *map(_verb, VERBS)])


def _verb(verb: Any) -> str:
    name = verb.__name__.rpartition(".")[2]
    given = [(p, *get_args(p.annotation)[:2]) for p in _parameters(verb)]
    usage = " ".join(
        ["rnnedge", name, *(_value(*one) for one in given if isinstance(one[2], ArgumentInfo)), "[OPTIONS]"]
    )
    rows = (f"| {_name(*one)} | {_cell(one[2].help or '')} | {_default(one[0])} |" for one in given)
    lines = [f"## {name}", "", f"`{usage}`", "", cleandoc(verb.__doc__), ""]
    return "\n".join([*lines, "| | meaning | default |", "|---|---|---|", *rows, ""])


def _parameters(verb: Any) -> Iterator[Parameter]:
    """Those that are given on the command line."""
    found = signature(verb.command, eval_str=True).parameters.values()
    return (p for p in found if get_args(p.annotation))


def _name(parameter: Parameter, kind: Any, info: Any) -> str:
    if not isinstance(info, OptionInfo):
        return f"`{_cell(_value(parameter, kind, info))}`"
    # Within Annotated, typer holds the first name as a default.
    declared = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    names = ", ".join(declared or ["--" + parameter.name.replace("_", "-")])
    return f"`{names}`" if kind is bool else f"`{names} {_cell(_value(parameter, kind, info))}`"


def _value(parameter: Parameter, kind: Any, info: Any) -> str:
    """What stands for the value: the metavar, the name of an argument, or the kind of value."""
    if info.metavar or isinstance(info, ArgumentInfo):
        return str(info.metavar or parameter.name.upper())
    names = [name for one in (kind, *get_args(kind)) for name in (one, *get_args(one))]
    return next(_KINDS[one.__name__] for one in names if getattr(one, "__name__", "") in _KINDS)


def _default(parameter: Parameter) -> str:
    if parameter.default is Parameter.empty:
        return "required"
    return "" if parameter.default in (None, False, "") else f"`{parameter.default}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
