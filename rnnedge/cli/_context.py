"""Values per sequence on the command line: `--context speaker=@speaker.npy`, `--context language=3`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rnnedge.files.numbers import number

ContextOption = Annotated[
    list[str] | None,
    typer.Option(
        "--context",
        metavar="NAME=VALUE",
        help="A value per sequence: a number, numbers as 0.5,1, or @file.npy; again for more.",
    ),
]


def context_of(options: list[str] | None) -> dict[str, Any]:
    """Values by name; raises `typer.BadParameter` for what is none, and `InputError` for a file that is none."""
    found: dict[str, Any] = {}
    for option in options or ():
        name, equals, text = option.partition("=")
        if not name or not equals or not text:
            raise typer.BadParameter(
                f"expected name=value, found {option!r}: a number, numbers as 0.5,1, or @file.npy",
                param_hint="--context",
            )
        found[name] = _read(Path(text[1:])) if text.startswith("@") else _numbers(text)
    return found


def _read(path: Path) -> Any:
    from rnnedge.files.arrays import open_npy

    with open_npy(path) as stored:
        return stored.read()


def _numbers(text: str) -> Any:
    """One number, or a list of several."""
    parts = [_number(part.strip()) for part in text.split(",")]
    return parts if len(parts) > 1 else parts[0]


def _number(text: str) -> bool | int | float:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        found = number(text)
    except ValueError:
        raise typer.BadParameter(
            f"expected a number, numbers as 0.5,1, or @file.npy, found {text!r}", param_hint="--context"
        ) from None
    # A whole number beyond 2^53 is not the nearest float.
    return int(text) if text.lstrip("+-").isdigit() else found
