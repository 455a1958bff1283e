"""Tables for tests, written to each format by its own library, not by the code under test."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FORMATS = ("csv", "parquet", "npz")


@dataclass(frozen=True, eq=False)
class Made:
    """`x` (rows, features) float64, what else stands in a row, and the names of the features."""

    names: tuple[str, ...]
    x: np.ndarray
    ids: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Every column by name."""
        features = {name: self.x[:, i].tolist() for i, name in enumerate(self.names)}
        return {"id": list(self.ids), **features, "label": list(self.labels)}


def made(sequences: int = 12, frames: int = 5, features: int = 2, seed: int = 0) -> Made:
    """Sequences of two classes, the second of which is larger, row by row."""
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.arange(sequences), frames)
    x = rng.standard_normal((len(ids), features)).astype(np.float32).astype(np.float64) + (ids % 2)[:, None] * 2.0
    names = tuple(f"f{i}" for i in range(features))
    return Made(names, x, tuple(f"s{i}" for i in ids), tuple("ab"[i % 2] for i in ids))


def write(columns: dict[str, list[Any]], path: Path) -> Path:
    """By the ending of `path`."""
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    elif path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({name: pyarrow.array(values) for name, values in columns.items()}), path)
    else:
        np.savez(path, **{name: np.array(values) for name, values in columns.items()})
    return path
