"""A folder of recordings, a file each: of one kind, with a label from its subfolder or from `labels.csv` next to them.

`labels.csv` has a column `file` with paths from the folder, a column of labels (`label`, or the target that is named),
and, where a group is named, a column of groups.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rnnedge.data._config import TABLES, DataConfig, delimiter_of
from rnnedge.data._csv_table import csv_names, read_csv
from rnnedge.data._table import Roles, require
from rnnedge.files.samples import CODED, WAV
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import is_file, is_folder, is_there

_LABELS = "labels.csv"
_FORMATS = {**TABLES, **dict.fromkeys((*WAV, *CODED), "wav")}
Labelled = tuple[Path, str, str]


def kind_of_files(config: DataConfig, path: Path) -> str:
    """The one of `FORMATS` that the files of a folder have, or `config.format`, if there are files of it.

    Raises `InputError` for a folder without any, and for one with several kinds.
    """
    every = {_FORMATS[file.suffix.lower()] for file in _files(path)}
    found = every & {config.format} if config.format else every
    if not found:
        what = "WAV" if config.format == "wav" else config.format or "WAV, CSV, Parquet or NPZ"
        raise InputError(f"{path}: expected {what} files in the folder, found none")
    if len(found) > 1:
        raise InputError(f"{path}: expected files of one kind, found {', '.join(sorted(found))}; say which by format")
    return found.pop()


def has_list(path: Path) -> bool:
    """Whether a table of labels lies in the folder."""
    return is_there(path / _LABELS)


def files_of(config: DataConfig, path: Path, kind: str) -> list[Labelled]:
    """Every file of a kind, without a label, and its group."""
    files = [(file, "", _group(config, file)) for file in _files(path, kind)]
    _check_once(files)
    return files


def labelled_files(config: DataConfig, path: Path, kind: str) -> list[Labelled]:
    """Every file of a kind, its label and its group; "" for none.

    Folders and files whose name begins with "." or "_" are left out. Raises `InputError` naming what lacks a label,
    and for one file that is there twice.
    """
    files = list(_listed(config, path) if has_list(path) else _in_subfolders(config, path, kind))
    if not files:
        raise InputError(
            f"{path}: expected a subfolder of {kind.upper()} files for every label, or {_LABELS}, found neither"
        )
    _check_once(files)
    return files


def _check_once(files: list[Labelled]) -> None:
    """Raise `InputError` for one file by two names, or links: it would be trained with, and tested on."""
    seen: dict[tuple[int, int], Path] = {}
    for file, _, _ in files:
        found = file.stat()
        # Where a system numbers no files, none are compared.
        first = seen.setdefault((found.st_dev, found.st_ino), file) if found.st_ino else file
        if first is not file:
            raise InputError(f"{file}: is the same file as {first}; leave one out")


def _files(path: Path, kind: str = "") -> Iterator[Path]:
    """Those of a kind, or of any that is known."""
    for file in sorted(path.rglob("*")):
        inner = file.relative_to(path).parts
        hidden = inner == (_LABELS,) or any(part[0] in "._" for part in inner)
        found = _FORMATS.get(file.suffix.lower(), "")
        # A pipe of that name would never end.
        if found and kind in ("", found) and not hidden and is_file(file):
            yield file


def _in_subfolders(config: DataConfig, path: Path, kind: str) -> Iterator[Labelled]:
    if config.group:
        raise InputError(
            f"{path}: expected {_LABELS} with the column {config.group!r}, found none; or use group_pattern"
        )
    for folder in sorted(path.iterdir()):
        if not is_folder(folder) or folder.name[0] in "._":
            continue
        files = list(_files(folder, kind))
        if not files:
            raise InputError(f"{folder}: expected {kind.upper()} files of the label {folder.name!r}, found none")
        for file in files:
            yield file, folder.name, _group(config, file)


def _listed(config: DataConfig, path: Path) -> Iterator[Labelled]:
    (target,) = config.target or ("label",)
    texts = ("file", target, *((config.group,) if config.group else ()))
    listed = path / _LABELS
    delimiter = delimiter_of(config, listed)
    names = csv_names(listed, delimiter)
    for name in texts:
        require(name, listed, names)
    table = read_csv(listed, Roles((), (), (), texts), delimiter)
    seen: dict[str, int] = {}
    for row in range(table.rows):
        for name in texts:
            if not table.columns[name].values[row]:
                raise InputError(f"{table.place(name, row)}: expected text, found an empty cell")
        name = table.columns["file"].values[row]
        if name in seen:
            raise InputError(f"{table.place('file', row)}: {name!r} appears twice; leave one out")
        seen[name] = row
        file = path / name
        if not is_file(file):
            raise InputError(f"{table.place('file', row)}: no such file {str(file)!r}")
        group = table.columns[config.group].values[row] if config.group else _group(config, file)
        yield file, table.columns[target].values[row], group


def _group(config: DataConfig, file: Path) -> str:
    if not config.group_pattern:
        return ""
    found = re.search(config.group_pattern, file.name)
    if not found or not found[1]:
        raise InputError(f"{file}: expected a name that group_pattern {config.group_pattern!r} finds a group in")
    return found[1]
