"""What every table file is read into: columns that know where their cells stand."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge.data._config import DataConfig
from rnnedge_runtime.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]
# Row, and number within the row (0 but for an array of several columns): both from 0.
Where = Callable[[int, int], str]


@dataclass(frozen=True, eq=False)
class Column:
    """`values`: float64 (rows, width), NaN where nothing stands, or str objects (rows,). `where` names a cell.

    `seconds`: the file itself says that they are times; whatever their unit there, they are seconds here.
    """

    name: str
    values: Array
    where: Where
    seconds: bool = False


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of a file, equally long; `sequence` (rows,) where the file itself says which rows belong together."""

    path: Path
    columns: Mapping[str, Column]
    rows: int
    sequence: Array | None = None

    def place(self, name: str, row: int, part: int = 0) -> str:
        """File and cell, as a message begins."""
        return f"{self.path}, {self.columns[name].where(row, part)}"


@dataclass(frozen=True)
class Roles:
    """Which columns are read, as numbers or as text."""

    features: tuple[str, ...]
    target: tuple[str, ...]
    numbers: tuple[str, ...]
    texts: tuple[str, ...]


def roles(config: DataConfig, path: Path, names: Sequence[str]) -> Roles:
    """The role of every column of `config` in a file that has the columns `names`.

    Raises `InputError` for a column that is not there, with the nearest name that is, and for one without a name that
    would silently become a feature.
    """
    named = [*config.features, *config.target, config.sequence, config.group, config.time]
    for name in filter(None, named):
        require(name, path, names)
    taken = {*filter(None, (config.sequence, config.group, config.time))}
    taken |= set() if config.task == "forecast" else {*config.target}
    features = config.features or tuple(name for name in names if name not in taken)
    if not features:
        raise InputError(f"{path}: expected a column of features, found only {', '.join(map(repr, names))}")
    if "" in features:
        raise InputError(f"{path}, column {list(names).index('') + 1}: it has no name; name it, or list the features")
    target = config.target or (features if config.task == "forecast" else ())
    numbers = dict.fromkeys(features if config.classes else (*features, *target))
    texts = dict.fromkeys(filter(None, (*(target if config.classes else ()), config.sequence, config.group)))
    if config.time:
        (texts if config.time_unit == "iso" else numbers)[config.time] = None
    return Roles(features, target, tuple(numbers), tuple(texts))


def require(name: str, path: Path, names: Sequence[str]) -> None:
    """Raise `InputError` where `name` is none of `names`."""
    if name in names:
        return
    close = difflib.get_close_matches(name, names, 1, 0.5)
    lowered = [other for other in names if other.strip().lower() == name.strip().lower()]
    nearest = (lowered or close or [""])[0]
    hint = f"did you mean {nearest!r}?" if nearest else f"it has {', '.join(map(repr, names))}"
    raise InputError(f"{path}: expected a column {name!r}, found none of that name; {hint}")


def cell(value: object) -> str:
    """What stands in a cell, short enough for a message."""
    text = str(value)
    return repr(text if len(text) <= 40 else text[:37] + "...")
