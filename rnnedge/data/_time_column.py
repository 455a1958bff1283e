"""The column of times: it rises within a sequence, and says how many frames come in a second."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from rnnedge.data._config import TIME_UNITS, DataConfig
from rnnedge.data._table import Array, Table, cell
from rnnedge_runtime.errors import InputError

# Steps of time that differ by less are one rate: clocks jitter, and their times are rounded.
_JITTER = 0.1
_RATE = 0.01
# Year and month at least; numpy reads more than this, offsets from UTC too, with a warning.
_DATE = re.compile(r"\d{4}-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d([.]\d+)?)?)?)?)?")


def frame_rate(table: Table, config: DataConfig, sequences: Sequence[Array]) -> float | None:
    """Frames per second: as given, else where the steps of the time column are regular; None where they are not.

    `sequences`: the row numbers of each. Raises `InputError` at the first row whose time is not later than that of the
    row before it, and where the column and `frame_rate_hz` differ.
    """
    given = config.frame_rate_hz or None
    if not config.time:
        return given
    times = _times(table, config)
    steps = []
    for rows in sequences:
        rising = np.diff(times[rows])
        if len(rising) and rising.min() <= 0:
            row = int(np.flatnonzero(rising <= 0)[0]) + 1
            before, place = int(rows[row - 1]), table.place(config.time, int(rows[row]))
            raise InputError(
                f"{place}: expected a later time than {_shown(table, config, before)} "
                f"({table.columns[config.time].where(before, 0)}), found {_shown(table, config, int(rows[row]))}; sort "
                f"the rows{'' if config.sequence else ', or name the column of sequence ids'}"
            )
        steps.append(rising)
    every = np.concatenate(steps)
    if not len(every):
        return given
    middle = float(np.median(every))
    if np.abs(every - middle).max() > _JITTER * middle:
        return given
    rate = 1 / float(every.mean())
    if given and abs(rate - given) > _RATE * given:
        raise InputError(
            f"{table.path}, column {config.time!r}: expected {given:g} frames per second (frame_rate_hz), found "
            f"{rate:g}; is time_unit = {config.time_unit!r} right?"
        )
    # A clock of milliseconds says 100.0000001.
    return given or float(f"{rate:.6g}")


def _shown(table: Table, config: DataConfig, row: int) -> str:
    value = table.columns[config.time].values[row]
    return str(value) if isinstance(value, str) else f"{value[0]:.12g}"


def _times(table: Table, config: DataConfig) -> Array:
    """(rows,) float64, in seconds."""
    column = table.columns[config.time]
    if column.values.dtype != object:
        if column.values.shape[1] != 1:
            raise InputError(f"{table.path}: {config.time}: expected one time for a row, found {column.values.shape}")
        bad = np.flatnonzero(~np.isfinite(column.values[:, 0]))
        if len(bad):
            raise InputError(f"{table.place(config.time, int(bad[0]))}: expected a time, found no number")
        times: Array = column.values[:, 0] * (1.0 if column.seconds else TIME_UNITS[config.time_unit])
        return times
    texts = [text.removesuffix("Z") for text in column.values]
    for row, text in enumerate(texts):
        if not _DATE.fullmatch(text):
            raise _no_date(table, config, row)
    try:
        dates = np.array(texts, "datetime64[us]")
        after: Array = (dates - dates.min()).astype(np.int64) * 1e-6
        return after
    except ValueError:
        raise _no_date(table, config, next(i for i, text in enumerate(texts) if not _is_date(text))) from None


def _no_date(table: Table, config: DataConfig, row: int) -> InputError:
    found = cell(table.columns[config.time].values[row])
    return InputError(
        f"{table.place(config.time, row)}: expected a date as 2026-01-31T12:00:00 in UTC, found {found}; write it so"
    )


def _is_date(text: str) -> bool:
    try:
        np.datetime64(text, "us")
    except ValueError:
        return False
    return True
