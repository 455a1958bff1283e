"""A folder of WAV files: one subfolder per label, or `labels.csv` beside the files.

`labels.csv` has a column `file` with paths from the folder, a column of labels (`label`, or the target that is named),
and, where a group is named, a column of groups.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rnnedge.data._config import DataConfig
from rnnedge.data._csv_table import csv_names, read_csv
from rnnedge.data._recording import Recording, Recordings
from rnnedge.data._table import Array, Roles, require
from rnnedge.files.riff import read_wav_header
from rnnedge_runtime.errors import InputError, MissingExtra

_LABELS = "labels.csv"


def read_wav_folder(config: DataConfig, path: Path) -> Recordings:
    """Every WAV file as a sequence: samples in [-1, 1], (time, channel) float32, and its label.

    Folders and files whose name begins with "." or "_" are left out. Nothing is resampled.
    Raises `InputError` naming the file that is damaged, empty, or has another rate or number of channels.
    """
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing"
        raise InputError(f"{path}: expected a .csv, .parquet or .npz file or a folder of WAV files, found {found}")
    listed = path / _LABELS
    files = tuple(_listed(config, path, listed) if listed.exists() else _in_subfolders(config, path))
    if not files:
        raise InputError(f"{path}: expected a subfolder of WAV files for every label, or {_LABELS}, found neither")
    rate, channels = config.frame_rate_hz or None, 0
    sequences = []
    for file, label, group in files:
        samples, found_rate = read_wav(file)
        rate, channels = rate or found_rate, channels or samples.shape[1]
        if found_rate != rate:
            source = "frame_rate_hz" if config.frame_rate_hz else files[0][0]
            raise InputError(
                f"{file}: expected {rate:g} samples per second (as {source} says), found {found_rate}; resample it"
            )
        if samples.shape[1] != channels:
            raise InputError(
                f"{file}: expected {channels} channels as in {files[0][0]}, found {samples.shape[1]}; mix them alike"
            )
        sequences.append(Recording(str(file), samples, label, group))
    names = tuple(f"channel {i}" for i in range(1, channels + 1))
    return Recordings(tuple(sequences), names, config.target or ("label",), float(rate or 0))


def read_wav(path: Path) -> tuple[Array, int]:
    """Samples in [-1, 1], float32 (time, channel), and samples per second.

    Raises `InputError` for a file that is damaged, cut short, empty, or holds a number that is not finite.
    """
    try:
        import soundfile
    except ImportError as error:
        raise MissingExtra(f"{path}: a WAV file needs soundfile; install 'rnnedge[data]'") from error
    read_wav_header(path)
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[-1].rstrip(".")
        raise InputError(f"{path}: not a WAV file that can be read ({reason}); copy it again") from error
    if not len(samples):
        raise InputError(f"{path}: expected samples, found none")
    if not np.isfinite(samples).all():
        sample, channel = np.argwhere(~np.isfinite(samples))[0]
        found = samples[sample, channel]
        raise InputError(f"{path}, sample {sample}, channel {channel + 1}: expected a finite number, found {found}")
    return samples, int(rate)


def _in_subfolders(config: DataConfig, path: Path) -> Iterator[tuple[Path, str, str]]:
    if config.group:
        raise InputError(
            f"{path}: expected {_LABELS} with the column {config.group!r}, found none; or use group_pattern"
        )
    for folder in sorted(path.iterdir()):
        if not folder.is_dir() or folder.name[0] in "._":
            continue
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".wav" and p.name[0] not in "._")
        if not files:
            raise InputError(f"{folder}: expected WAV files of the label {folder.name!r}, found none")
        for file in files:
            yield file, folder.name, _group(config, file)


def _listed(config: DataConfig, path: Path, listed: Path) -> Iterator[tuple[Path, str, str]]:
    (target,) = config.target or ("label",)
    texts = ("file", target, *((config.group,) if config.group else ()))
    names = csv_names(listed, config.delimiter or ",")
    for name in texts:
        require(name, listed, names)
    table = read_csv(listed, Roles((), (), (), texts), config.delimiter or ",")
    seen: dict[str, int] = {}
    for row in range(table.rows):
        for name in texts:
            if not table.columns[name].values[row]:
                raise InputError(f"{table.place(name, row)}: expected text, found an empty cell")
        name = table.columns["file"].values[row]
        if name in seen:
            raise InputError(f"{table.place('file', row)}: {name!r} stands there twice; leave one out")
        seen[name] = row
        file = path / name
        if not file.is_file():
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
