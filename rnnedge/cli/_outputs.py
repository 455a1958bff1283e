"""Where a verb may write to, asked before it begins: no file that it reads, and not two things into one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import typer

from rnnedge_runtime.atomic import check_writable
from rnnedge_runtime.plain_file import is_file, is_there


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[str | Path | None] = ()) -> None:
    """Check the files of `outputs`, by the option that names each, against one another and `inputs`.

    Raises `typer.BadParameter` for a file that is read, too, or named twice, and for "-"; `InputError` for one that
    cannot be written.
    """
    read = [str(path) for path in inputs if path is not None]
    taken: dict[str, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        check_named(option, path)
        for source in read:
            if _one_file(path, source):
                raise typer.BadParameter(f"expected another file than {source}, which is read", param_hint=option)
        place = os.path.realpath(path)
        if place in taken and _is_file(path):
            raise typer.BadParameter(f"expected another file than that of {taken[place]}", param_hint=option)
        taken[place] = option
        check_writable(path)


def check_named(option: str, path: Path | None) -> None:
    """Raise `typer.BadParameter` for "-", which stands for standard output elsewhere."""
    if str(path) == "-":
        raise typer.BadParameter("expected a path, found -; ./- is a file of that name", param_hint=option)


def _one_file(output: Path, source: str) -> bool:
    """Whether both lead to one regular file; a terminal may be read and written."""
    try:
        return _is_file(output) and is_file(source) and output.samefile(source)
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return is_file(path) or not is_there(path)
    except OSError:
        return False
