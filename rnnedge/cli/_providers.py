"""The options by which a verb is told where to run a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from rnnedge.cli._words import choice, completing


def _known() -> list[str]:
    """Every name that there is, whether it is here or not."""
    from rnnedge_runtime.engines._providers import NATIVE, known_providers

    return [NATIVE, "auto", *known_providers()]


def _named(value: str) -> str:
    names = [name.strip() for name in value.split(",")]
    # Without onnxruntime there is no list of the others.
    if set(names) - {"cpu", "native", "auto"} and (known := _known()[2:]):
        for name in names:
            choice(name, ["native", "auto", *known])
    return value


ProviderOption = Annotated[
    str,
    typer.Option(
        callback=_named,
        autocompletion=completing(_known),
        help="cpu, native, cuda, ... or auto; several, best first, as cuda,cpu: the next takes over.",
    ),
]
ProviderOptions = Annotated[
    list[str] | None,
    typer.Option("--provider-option", metavar="PROVIDER.KEY=VALUE", help="Passed to onnxruntime: cuda.device_id=1."),
]


def provider_options(given: Sequence[str] | None) -> dict[str, dict[str, str]]:
    """`--provider-option` as `rnnedge.load` takes it."""
    found: dict[str, dict[str, str]] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        provider, dot, name = key.partition(".")
        if not (equals and dot and provider and name):
            raise typer.BadParameter(
                f"expected PROVIDER.KEY=VALUE, such as cuda.device_id=1, found {text!r}", param_hint="--provider-option"
            )
        found.setdefault(provider, {})[name] = value
    return found
