"""The format of predictions that are written, by how their file ends."""

from __future__ import annotations

from pathlib import Path

import typer

# What they would be mistaken for.
_OTHERS = (".parquet", ".pq", ".npz", ".onnx", ".xlsx", ".xls", ".h5", ".mat", ".pkl", ".pt", ".zip")
ARRAYS = (".npy", ".wav")


def format_of(output: Path | None) -> str:
    """The format: "jsonl" for .jsonl, .json and .ndjson, "npy" and "wav", else "csv".

    Raises `typer.BadParameter` for the ending of another kind of file.
    """
    ending = "" if output is None else output.suffix.lower()
    if ending in ARRAYS:
        return ending[1:]
    if ending in _OTHERS:
        hint = "; rnnedge score writes .parquet" if ending in (".parquet", ".pq") else ""
        raise typer.BadParameter(f"expected .csv, .jsonl, .npy or .wav, found {output}{hint}", param_hint="--output")
    return "jsonl" if ending in (".jsonl", ".json", ".ndjson") else "csv"
