"""Frames of a Parquet table: the features by name, or all columns if there are as many as the model takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rnnedge.frames._columns import columns_by_name
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError, MissingExtra

_SHOWN = 8


def parquet_rows(path: Path, contract: Contract) -> Iterator[Array]:
    """Rows (n, features) in the order of the file.

    Raises `InputError` for another table, `MissingExtra` without pyarrow.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra(f"{path}: Parquet needs pyarrow; install it with: pip install 'rnnedge[data]'") from error
    width = int(np.prod([size for size in contract.inputs[0].frame_shape if isinstance(size, int)], dtype=int))
    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            names = table.schema_arrow.names
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise InputError(f"{path}: column {twice!r} appears twice; rename one")
            chosen = columns_by_name(names, contract)
            if chosen is None and len(names) != width:
                found = f"{len(names)}: {', '.join(names[:_SHOWN])}"
                raise InputError(f"{path}: expected {width} columns (one frame), found {found}; keep the features")
            taken = [names[k] for k in chosen] if chosen is not None else names
            for batch in table.iter_batches(contract.piece, columns=taken):
                yield np.column_stack([_numbers(batch.column(one), f"{path}, column {one!r}") for one in taken])
    # NotImplementedError and OSError: what pyarrow raises for pages that are damaged.
    except (pyarrow.ArrowException, OSError, NotImplementedError) as error:
        raise InputError(f"{path}: not a Parquet file that can be read ({error}); write it again") from error


def _numbers(column: object, place: str) -> Array:
    """As float64, a missing number as NaN, which `push` refuses."""
    import pyarrow

    try:
        values = column.cast(pyarrow.float64())  # type: ignore[attr-defined]
    except pyarrow.ArrowException as error:
        kind = column.type  # type: ignore[attr-defined]
        # Whole numbers that float64 does not have are no other type.
        why = f" ({str(error)[:80]})" if pyarrow.types.is_integer(kind) else ""
        raise InputError(f"{place}: expected numbers, found {kind}{why}") from error
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float64)
