"""Options that are fields of the exporter's dataclasses, with the help of their field; and what verbs share."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ExampleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--example",
        metavar="SIZES",
        help="Shape of an example input of package.module:factory, batch,time,features: 1,100,40, or 1,100:int64 for "
        "tokens; again for each further argument of forward.",
    ),
]


def field_option(of: type[DataclassInstance], name: str, *spellings: str, **more: Any) -> Any:
    """A Typer option for the field `name` of a dataclass; `spellings` and `more` as for `typer.Option`."""
    (found,) = (field for field in fields(of) if field.name == name)
    return typer.Option(*spellings, help=found.metadata["help"], **more)


def file_option(*spellings: str, **more: Any) -> Any:
    """A Typer option for a file that is written, as for `typer.Option`: `new/` is no file called new."""
    return typer.Option(*spellings, parser=written_file, metavar="PATH", **more)


def folder_option(*spellings: str, **more: Any) -> Any:
    """A Typer option for a folder that is written into, as for `typer.Option`: "" is not the current one."""
    return typer.Option(*spellings, parser=written_folder, metavar="PATH", **more)


def written_folder(given: str | Path) -> Path:
    """The path of a folder. Raises `BadParameter` for nothing, which an unset variable of a shell leaves."""
    if not str(given).strip():
        raise typer.BadParameter(f"expected a folder, found {str(given)!r}; . is the current one")
    return Path(given)


def written_file(given: str | Path) -> Path:
    """The path of a file that is written. Raises `BadParameter` for a name that only a folder can have."""
    from rnnedge_runtime.atomic import as_file
    from rnnedge_runtime.errors import InputError

    try:
        return as_file(given)
    except InputError as error:
        raise typer.BadParameter(str(error)) from error
