"""Values of inputs that never change, as the command line gives them: name=number, or name=@file.npy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rnnedge.files.numbers import number

ConstantOption = Annotated[
    list[str] | None, typer.Option(help="An input that never changes, as name=number or name=@file.npy.")
]


def constants_of(texts: list[str] | None) -> dict[str, Any]:
    """Numbers and arrays by the name of the input; an array comes from the NPY file after an @."""
    return {name: _value(text) for name, text in (pair(text, "=", "--constant") for text in texts or [])}


def pair(text: str, sign: str, option: str) -> tuple[str, str]:
    """What stands on both sides of `sign`."""
    left, found, right = text.partition(sign)
    if not (found and left and right):
        raise typer.BadParameter(f"expected left{sign}right, found {text!r}", param_hint=option)
    return left, right


def state_pair(text: str) -> tuple[str, str]:
    """Input and output of a state; names may have colons of their own, as in "h:0:hn:0", or "h=Identity:0"."""
    if text.count("=") == 1:
        return pair(text, "=", "--state")
    parts = text.split(":")
    half = len(parts) // 2
    left, right = ":".join(parts[:half]), ":".join(parts[half:])
    if len(parts) % 2 or not (left and right):
        raise typer.BadParameter(
            f"expected input:output, found {text!r}; of names with colons both have as many, or write input=output",
            param_hint="--state",
        )
    return left, right


def _value(text: str) -> Any:
    if text.startswith("@"):
        from rnnedge.files.arrays import open_npy

        with open_npy(Path(text[1:])) as stored:
            return stored.read()
    try:
        return number(text)
    except ValueError:
        raise typer.BadParameter(f"expected a number or @file.npy, found {text!r}", param_hint="--constant") from None
