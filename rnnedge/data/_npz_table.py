"""NPZ: an array is a column (rows,), several columns (rows, width), or several sequences (sequence, time, width)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rnnedge.data._table import Array, Column, Roles, Table, Where
from rnnedge.files.arrays import open_npz
from rnnedge_runtime.errors import InputError


def read_npz(path: Path, roles: Roles) -> Table:
    """The arrays of `roles`. Places in messages are numpy's own, from 0: `x[3, 17]`.

    With features (sequence, time, width), every other array is (sequence,), one value for each, or
    (sequence, time, ...). Raises `InputError` for arrays that are not equally long, have another kind of values than
    their role, or hold pickled objects, which are not loaded.
    """
    with open_npz(path, (*roles.numbers, *roles.texts)) as stored:
        arrays = {name: array.read() for name, array in stored.items()}
    for name, array in arrays.items():
        if not array.ndim:
            raise InputError(f"{path}: {name}: expected an array, found a single value")
    first = arrays[roles.features[0]]
    if not first.size:
        raise InputError(f"{path}: expected rows, found the array {roles.features[0]!r} of shape {first.shape}")
    lead = first.shape[: max(first.ndim - 1, 1)]
    columns = {}
    for name, array in arrays.items():
        values, where = _laid_out(array, lead, path, name)
        if name in roles.numbers:
            seconds = array.dtype.kind == "M"
            if seconds:
                # From the first on: float64 holds a microsecond of a year, but not one of 1970.
                after = (values - np.nanmin(values)).astype("m8[us]").astype(np.int64) * 1e-6
                values = np.where(np.isnat(values), np.nan, after)
            elif array.dtype.kind not in "fiub":
                raise InputError(f"{path}: {name}: expected numbers, found {array.dtype}; leave it out of features")
            columns[name] = Column(name, values.reshape(len(values), -1).astype(np.float64), where, seconds)
        else:
            if values.ndim > 1 or array.dtype.kind not in "iubU":
                raise InputError(f"{path}: {name}: expected text or whole numbers, found {array.dtype} {array.shape}")
            columns[name] = Column(name, np.array([str(v).strip() for v in values.tolist()], object), where)
    sequence = np.repeat(np.arange(lead[0]), lead[1]) if len(lead) == 2 else None
    return Table(path, columns, int(np.prod(lead)), sequence)


def _laid_out(array: Array, lead: tuple[int, ...], path: Path, name: str) -> tuple[Array, Where]:
    """The values by row, (rows, ...), and where in the array a row stands."""
    if len(lead) == 2 and array.shape == lead[:1]:
        return np.repeat(array, lead[1]), lambda row, _: f"{name}[{row // lead[1]}]"
    if array.shape[: len(lead)] != lead or array.ndim > len(lead) + 1:
        raise InputError(f"{path}: {name}: expected shape ({', '.join(map(str, lead))}, ...), found {array.shape}")

    def where(row: int, part: int) -> str:
        index = [*divmod(row, lead[1])] if len(lead) == 2 else [row]
        if array.ndim > len(lead):
            index.append(part)
        return f"{name}[{', '.join(map(str, index))}]"

    return array.reshape(-1, *array.shape[len(lead) :]), where
