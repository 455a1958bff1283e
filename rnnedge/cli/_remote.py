"""The options by which a verb is told to run on another machine, and its own options, written again for over there."""

from __future__ import annotations

from typing import Annotated, Any

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
    str, typer.Option(metavar="PATH", help="With --on: the Python there; a relative path begins in the home there.")
]
SshOptions = Annotated[
    list[str] | None,
    typer.Option("--ssh-option", metavar="KEY=VALUE", help="With --on: passed to ssh -o, such as IdentityFile=key."),
]
# What a verb does with a report, and where it gets it from, is done here.
_OF_THIS_MACHINE = frozenset(
    {"on", "remote_python", "ssh_option", "html", "markdown", "json", "fail_on", "trust", "key", "signed_as", "release"}
)


def bench_there(context: typer.Context, target: str, file: str) -> dict[str, Any]:
    """The report of `bench FILE` on another machine, with the options that were given to this verb.

    Raises what `rnnedge.remote.run_remote` raises, and `ModelRefused` for a file that is damaged here.
    """
    from rnnedge.cli._output import say, stages
    from rnnedge.remote import NEEDS, run_remote
    from rnnedge_runtime.checksum import check_seal
    from rnnedge_runtime.read import read_model
    from rnnedge_runtime.trust import trust_of

    given = context.params
    if given.get("baseline") is not None:
        raise typer.BadParameter("a baseline needs PyTorch; measure it on this machine", param_hint="--baseline")
    # As much trust as here: over there nobody knows what was exported on this machine.
    signature = given["key"], given["signed_as"], given["release"]
    trust = trust_of(check_seal(read_model(file, given["trust"], *signature), file), given["trust"])
    # A page is drawn from histograms, which are made where the values are.
    needs = {**NEEDS, "hdrh": "hdrhistogram"} if given.get("html") else NEEDS
    warnings: list[str] = []
    reasons: list[str] = []
    with stages(f"bench {file} on {target}") as stage:
        try:
            report = run_remote(
                target,
                file,
                [*options_given(context), f"--trust={trust}"],
                python=given["remote_python"],
                needs=needs,
                ssh_options=given["ssh_option"] or (),
                progress=lambda line: warnings.append(line) if line.startswith("rnnedge: ") else stage(line),
            )
            # The verb that shows the report tells these itself.
            reasons = report["unrest"]
        finally:
            for line in warnings:
                if not any(reason in line for reason in reasons):
                    say(line)
    return report


def options_given(context: typer.Context) -> list[str]:
    """The options that were given to this verb, spelled as for a command line; no arguments.

    Those that say where to run and what to do with the report are left out.
    """
    words: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if parameter.param_type_name != "option" or name in _OF_THIS_MACHINE:
            continue
        if source is None or source.name != "COMMANDLINE":
            continue
        value = context.params[name]
        if isinstance(value, bool):
            words.append(parameter.opts[-1] if value else parameter.secondary_opts[-1])
            continue
        # In one word, so that a value may begin with a dash.
        words += [f"{parameter.opts[-1]}={one}" for one in (value if isinstance(value, (list, tuple)) else (value,))]
    return words
