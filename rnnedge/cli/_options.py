"""Options that are fields of the exporter's dataclasses: each has the help of its field."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def field_option(of: type[DataclassInstance], name: str, *spellings: str, **more: Any) -> Any:
    """A Typer option for the field `name` of a dataclass; `spellings` and `more` as for `typer.Option`."""
    (found,) = (field for field in fields(of) if field.name == name)
    return typer.Option(*spellings, help=found.metadata["help"], **more)
