"""From a table to sequences: rows of one id, in rising time, every number finite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge.data._config import DataConfig
from rnnedge.data._recording import Array, Recording, Recordings
from rnnedge.data._table import Roles, Table, cell
from rnnedge.data._time_column import frame_rate
from rnnedge_runtime.errors import InputError


def recordings_of(table: Table, roles: Roles, config: DataConfig) -> Recordings:
    """The sequences of `table`, in the order in which their ids first stand there.

    Raises `InputError` naming the first row and column where a number is missing, time goes back, or a sequence changes
    its class or its group.
    """
    sequences = _sequences(table, config)
    rate = frame_rate(table, config, [rows for _, rows in sequences])
    cells = _Cells(table, roles, config)
    made = tuple(cells.recording(name, rows) for name, rows in sequences)
    return Recordings(made, _wide(table, roles.features), _wide(table, roles.target), rate)


def _wide(table: Table, names: tuple[str, ...]) -> tuple[str, ...]:
    """A name for every single column; those of an array of several have numbers from 0."""
    widths = {name: table.columns[name].values[:1].size for name in names}
    return tuple(f"{name}[{i}]" if widths[name] > 1 else name for name in names for i in range(widths[name]))


def _sequences(table: Table, config: DataConfig) -> list[tuple[str, Array]]:
    """What a message calls a sequence, and its rows."""
    if config.sequence and table.sequence is not None:
        raise InputError(
            f"{table.path}: its arrays have an axis of sequences; leave out the column {config.sequence!r}"
        )
    if not config.sequence:
        ids = np.zeros(table.rows, int) if table.sequence is None else table.sequence
        names = {0: str(table.path)} if table.sequence is None else {i: f"{table.path}, sequence {i}" for i in set(ids)}
    else:
        values = table.columns[config.sequence].values
        _no_empty(table, config.sequence)
        numbers: dict[str, int] = {}
        ids = np.array([numbers.setdefault(value, len(numbers)) for value in values])
        names = {i: f"{table.path}, sequence {cell(value)}" for value, i in numbers.items()}
    order = np.argsort(ids, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(ids[order])) + 1)
    return [(names[int(ids[rows[0]])], rows) for rows in parts]


def _no_empty(table: Table, name: str) -> None:
    empty = np.flatnonzero(table.columns[name].values == "")
    if len(empty):
        raise InputError(f"{table.place(name, int(empty[0]))}: expected text, found an empty cell")


@dataclass(frozen=True, eq=False)
class _Numbers:
    """Columns side by side: `values` (rows, width) float32, and whose cell each is."""

    values: Array
    names: tuple[tuple[str, int], ...]

    @staticmethod
    def of(table: Table, names: tuple[str, ...]) -> _Numbers:
        arrays = [table.columns[name].values for name in names]
        # What is too large for float32 becomes an infinity, which is not let through.
        with np.errstate(over="ignore"):
            values = np.concatenate(arrays, axis=1).astype(np.float32) if arrays else np.zeros((table.rows, 0))
        return _Numbers(
            values, tuple((name, part) for name, a in zip(names, arrays, strict=True) for part in range(a.shape[1]))
        )


class _Cells:
    """The cells of a table as frames and targets, row numbers in, recordings out."""

    def __init__(self, table: Table, roles: Roles, config: DataConfig) -> None:
        self._table, self._config = table, config
        self._features = _Numbers.of(table, roles.features)
        self._values = _Numbers.of(table, () if config.classes else roles.target)
        # A folder may have the class of a sequence outside of its file.
        self._classes = table.columns[roles.target[0]] if config.classes and roles.target else None

    def recording(self, name: str, rows: Array) -> Recording:
        """The sequence of `rows`, called `name` in messages."""
        if self._config.missing == "drop":
            rows = rows[self._complete(rows)]
            if not len(rows):
                raise InputError(f"{name}: expected at least one row without a missing value, found none")
        frames, values = self._held(self._features, rows), self._held(self._values, rows)
        target = values if self._classes is None else self._labels(rows)
        return Recording(name, frames, target, self._one(self._config.group, rows) if self._config.group else "")

    def _complete(self, rows: Array) -> Array:
        """(len(rows),) bool: nothing is missing in the row."""
        whole = np.ones(len(rows), bool)
        for numbers in (self._features, self._values):
            whole &= np.isfinite(numbers.values[rows]).all(axis=1)
        return whole if self._classes is None else whole & (self._classes.values[rows] != "")

    def _held(self, numbers: _Numbers, rows: Array) -> Array:
        """(len(rows), width) float32, all finite."""
        values: Array = numbers.values[rows]
        missing = ~np.isfinite(values)
        if not missing.any():
            return values
        hold = self._config.missing == "hold"
        # Where each cell's last number stands; -1 before the first.
        last = np.maximum.accumulate(np.where(missing, -1, np.arange(len(rows))[:, None]), axis=0)
        wrong = last < 0 if hold else missing
        if wrong.any():
            row, part = np.argwhere(wrong)[0]
            self._refuse(numbers.names[part], int(rows[row]), hold)
        return np.asarray(np.take_along_axis(values, last, axis=0))

    def _refuse(self, name: tuple[str, int], row: int, hold: bool) -> None:
        value = float(self._table.columns[name[0]].values[row, name[1]])
        found = "no number (empty, or NaN)" if np.isnan(value) else f"{value:g}"
        fit = "a number that float32 holds" if np.isfinite(value) else "a finite number"
        help_ = "there is none before it to hold" if hold else 'mend it, or set missing = "drop" or "hold"'
        raise InputError(f"{self._table.place(name[0], row, name[1])}: expected {fit}, found {found}; {help_}")

    def _labels(self, rows: Array) -> str | Array:
        assert self._classes is not None
        name = self._classes.name
        values: Array = self._classes.values[rows]
        empty = np.flatnonzero(values == "")
        if len(empty):
            place = self._table.place(name, int(rows[empty[0]]))
            raise InputError(f'{place}: expected a class, found an empty cell; name it, or set missing = "drop"')
        return self._one(name, rows) if self._config.task == "class_per_sequence" else values

    def _one(self, name: str, rows: Array) -> str:
        """The text that stands in all of the rows."""
        values = self._table.columns[name].values[rows]
        other = np.flatnonzero(values != values[0])
        if len(other) or not values[0]:
            row = int(rows[other[0] if len(other) else 0])
            why = "name the column of sequence ids" if not self._config.sequence else "mend it"
            raise InputError(
                f"{self._table.place(name, row)}: expected {cell(values[0])} as in the sequence's first row "
                f"({self._table.columns[name].where(int(rows[0]), 0)}), found "
                f"{cell(self._table.columns[name].values[row])}; {why}"
            )
        return str(values[0])
