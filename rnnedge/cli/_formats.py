"""The format of a table that is written, by how its file ends."""

from __future__ import annotations

from pathlib import Path

import typer

# What a table of text would be mistaken for.
_OTHERS = (".parquet", ".pq", ".npy", ".npz", ".onnx", ".wav", ".xlsx", ".xls", ".h5", ".mat", ".pkl", ".pt", ".zip")


def format_of(output: Path | None) -> str:
    """The format: "jsonl" for .jsonl, .json and .ndjson, else "csv".

    Raises `typer.BadParameter` for the ending of another kind of file.
    """
    ending = "" if output is None else output.suffix.lower()
    if ending in _OTHERS:
        hint = "; rnnedge score writes .parquet" if ending in (".parquet", ".pq") else ""
        raise typer.BadParameter(f"expected .csv or .jsonl, found {output}{hint}", param_hint="--output")
    return "jsonl" if ending in (".jsonl", ".json", ".ndjson") else "csv"
