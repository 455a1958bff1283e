"""The sequences of a path: one table, or a folder of tables or of sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rnnedge.data._config import DataConfig, delimiter_of, kind_of
from rnnedge.data._csv_table import csv_names, read_csv
from rnnedge.data._folder import Labelled, files_of, has_list, kind_of_files, labelled_files
from rnnedge.data._npz_table import read_npz
from rnnedge.data._parquet_table import parquet_names, read_parquet
from rnnedge.data._recording import Recording, Recordings
from rnnedge.data._sequences import recordings_of
from rnnedge.data._sound_folder import read_sound_folder
from rnnedge.data._table import Roles, roles
from rnnedge.files.arrays import npz_arrays
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import is_file

# Two recordings of one clock differ by less.
_RATE = 0.01
_TABLES = ("csv", "parquet", "npz")


def read_recordings(config: DataConfig, path: Path) -> Recordings:
    """The sequences of one file or folder, in its order."""
    try:
        exists, folder = path.exists(), path.is_dir()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if not exists:
        raise InputError(
            f"{path}: no such file or folder; give a .csv, .parquet or .npz file, or a folder of them, or of WAV files"
        )
    if folder:
        kind = kind_of_files(config, path)
        read = read_sound_folder(config, path) if kind == "wav" else _read_table_folder(config, path, kind)
        return replace(read, format=kind)
    kind = kind_of(config, path)
    if kind not in _TABLES or not is_file(path):
        expected = f"a {kind} file" if kind in _TABLES else "a .csv, .parquet or .npz file, or a folder"
        found = "another file" if is_file(path) else "a pipe or a device"
        raise InputError(f"{path}: expected {expected}, found {found}")
    if config.classes and not config.target:
        raise InputError(f"target: expected one column of classes for {config.task}, found 0")
    names = table_names(config, path, kind)
    return replace(_of_table(config, path, kind, roles(config, path, names)), format=kind)


def table_names(config: DataConfig, path: Path, kind: str) -> tuple[str, ...]:
    """The names of a table's columns, or arrays."""
    if kind == "csv":
        return csv_names(path, delimiter_of(config, path))
    return parquet_names(path) if kind == "parquet" else tuple(npz_arrays(path))


def _of_table(config: DataConfig, path: Path, kind: str, chosen: Roles) -> Recordings:
    if kind == "csv":
        table = read_csv(path, chosen, delimiter_of(config, path), config.decimal)
    else:
        table = read_parquet(path, chosen) if kind == "parquet" else read_npz(path, chosen)
    return recordings_of(table, chosen, config)


def _read_table_folder(config: DataConfig, path: Path, kind: str) -> Recordings:
    """Every file as a sequence, or as several where `config.sequence` is a column of each.

    The class of a sequence is that of the list of labels, or of the target's column, or the name of the subfolder.
    Raises `InputError` naming the file that has other columns, or another rate, than the first.
    """
    listed = config.task == "class_per_sequence" and (has_list(path) or not config.target)
    files = labelled_files(config, path, kind) if listed else files_of(config, path, kind)
    inner = replace(config, target=(), group="") if listed else config
    read: list[Recordings] = []
    first: tuple[str, ...] = ()
    for file, _, _ in files:
        names = table_names(inner, file, kind)
        first = first or names
        if set(names) != set(first):
            raise InputError(
                f"{file}: expected the columns {', '.join(first)} as in {files[0][0]}, found {', '.join(names)}"
            )
        # By their names, in the order of the first file.
        read.append(_of_table(inner, file, kind, roles(inner, file, first)))
    sequences = [_labelled(one, of) for found, of in zip(read, files, strict=True) for one in found.sequences]
    target = (config.target or ("label",)) if listed else read[0].target
    return Recordings(tuple(sequences), read[0].features, target, _common_rate(read, files))


def _labelled(recording: Recording, of: Labelled) -> Recording:
    """With the label and the group of its file, where that has some."""
    return replace(recording, target=of[1] or recording.target, group=of[2] or recording.group)


def _common_rate(read: list[Recordings], files: list[Labelled]) -> float | None:
    """Frames per second, None where those of a file do not come regularly."""
    rate = read[0].frame_rate_hz
    if rate is None or any(one.frame_rate_hz is None for one in read):
        return None
    for one, (file, _, _) in zip(read, files, strict=True):
        if abs(float(one.frame_rate_hz or 0) / rate - 1) > _RATE:
            raise InputError(
                f"{file}: expected {rate:g} frames per second as in {files[0][0]}, found {one.frame_rate_hz:g}; "
                "resample it"
            )
    return rate
