"""The options by which a verb is told how far to trust a file, and where to run it; many verbs have all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from rnnedge.cli._providers import ProviderOption, ProviderOptions, provider_options


def _trust(value: str | None) -> str | None:
    if value not in (None, "strict", "local"):
        raise typer.BadParameter(f"expected strict or local, found {value!r}")
    return value


TrustOption = Annotated[
    str | None,
    typer.Option(
        callback=_trust,
        autocompletion=lambda incomplete: [t for t in ("strict", "local") if t.startswith(incomplete)],
        help="strict: within bounds, and its golden sample replays; local: as it is. By default strict, but for files "
        "that were exported on this machine.",
    ),
]
SourceTrustOption = Annotated[
    str | None,
    typer.Option(
        callback=_trust,
        help="Of an ONNX file that is taken in. strict (default): at most 64 MiB, weights in itself; local: as it is.",
    ),
]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        help="A public key that has to have signed the file, and a native library that another machine built."
    ),
]
SignedAsOption = Annotated[
    str | None, typer.Option(help="With --key: the name that the file has to be signed as; by default that of FILE.")
]
ReleaseOption = Annotated[
    int, typer.Option(help="With --key: the release that has to be signed, or a later one.", min=0)
]


@dataclass(frozen=True)
class Opening:
    """How a file is opened, as `rnnedge.load` takes it: `load(file, **vars(opening))`."""

    trust: TrustOption = None
    key: KeyOption = None
    signed_as: SignedAsOption = None
    release: ReleaseOption = 0


@dataclass(frozen=True)
class Device:
    """Where a file runs."""

    provider: ProviderOption = "cpu"
    provider_option: ProviderOptions = None
    threads: Annotated[
        int,
        typer.Option(
            help="Threads that share a call: of onnxruntime, or the native engine's, for a large batch.", min=1
        ),
    ] = 1

    @property
    def asked(self) -> dict[str, Any]:
        """As `rnnedge.load` takes it."""
        return {
            "provider": self.provider,
            "provider_options": provider_options(self.provider_option),
            "threads": self.threads,
        }


def with_fields(command: Callable[..., None]) -> Callable[..., None]:
    """The verb, with an option for each field in place of every parameter that is a dataclass of options."""
    plain = signature(command, eval_str=True)
    groups: dict[str, Any] = {p.name: p.annotation for p in plain.parameters.values() if is_dataclass(p.annotation)}

    @wraps(command)
    def run(**given: Any) -> None:
        made = {name: of(**{f.name: given.pop(f.name) for f in fields(of)}) for name, of in groups.items()}
        command(**given, **made)

    found: list[Parameter] = []
    for parameter in plain.parameters.values():
        of = groups.get(parameter.name)
        found += [parameter] if of is None else signature(of, eval_str=True).parameters.values()
    shown = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in found]
    run.__signature__ = plain.replace(parameters=shown)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in shown}
    return run
